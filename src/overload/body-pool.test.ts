import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { RouterError } from '../errors.ts';
import { BodyPool } from './body-pool.ts';

const isOverloaded = (error: unknown) =>
  error instanceof RouterError && error.code === 'overloaded' && error.retryAfter === 1;

test('what was taken is given back once, when the answer closes', () => {
  const pool = new BodyPool(100);
  const [first, second] = [new EventEmitter(), new EventEmitter()];
  pool.hold(first).resize(60);
  const hold = pool.hold(second);
  assert.throws(() => hold.resize(41), isOverloaded);
  hold.resize(40);
  assert.equal(pool.taken, 100);
  assert.equal(pool.refused, 1);
  first.emit('close');
  first.emit('close');
  assert.equal(pool.taken, 40);
  hold.resize(100);
  hold.resize(10);
  assert.equal(pool.taken, 10);
});

test('L7 large bodies leave an eighth of the pool to small ones', () => {
  const pool = new BodyPool(16_000_000);
  const answer = new EventEmitter();
  pool.hold(answer).resize(14_000_000);
  assert.throws(() => pool.hold(answer).resize(1_500_000), isOverloaded);
  pool.hold(answer).resize(1_000_000);
  pool.hold(answer).resize(1_000_000);
  assert.throws(() => pool.hold(answer).resize(1), isOverloaded);
});

test('nothing is taken for an answer that is over', () => {
  const pool = new BodyPool(100);
  const answer = new EventEmitter();
  const hold = pool.hold(answer);
  answer.emit('close');
  hold.resize(50);
  assert.equal(pool.taken, 0);
});
