import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyPool } from './body-pool.ts';

test('a large buffer is used again, for one body at a time', () => {
  const pool = new BodyPool();
  const first = pool.take(100_000);
  assert.equal(first.length, 100_000);
  const second = pool.take(100_000);
  assert.notEqual(first.buffer, second.buffer);
  pool.give(first);
  const third = pool.take(131_072);
  assert.equal(third.buffer, first.buffer);
  assert.equal(third.length, 131_072);
  assert.notEqual(pool.take(100_000).buffer, first.buffer);
});

test('small bodies, and more than 32 MiB, are not kept', () => {
  const pool = new BodyPool();
  const small = pool.take(1_000);
  pool.give(small);
  assert.equal(small.length, 1_000);
  const bodies = Array.from({ length: 5 }, () => pool.take(8 * 1024 * 1024));
  for (const body of bodies) pool.give(body);
  const again = new Set(Array.from({ length: 5 }, () => pool.take(8 * 1024 * 1024).buffer));
  assert.equal(bodies.filter(({ buffer }) => again.has(buffer)).length, 4);
});
