import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureLimit } from './failures.ts';

test('C15 so many failures at once, then one for each share of the minute', () => {
  const limit = new FailureLimit({ perMinute: 20, perSecond: 1_000 });
  for (let i = 0; i < 20; i += 1) assert.equal(limit.note('a', 1_000), 0);
  assert.ok(Math.abs(limit.note('a', 1_000) - 3_000) < 10);
  assert.ok(Math.abs(limit.note('a', 2_000) - 2_000) < 10, 'what is over the limit does not lengthen it');
  assert.equal(limit.note('b', 1_000), 0);
  assert.equal(limit.note('a', 4_000), 0);
  assert.ok(limit.wait('a', 4_000) > 0);
  for (let i = 0; i < 20; i += 1) assert.equal(limit.note('a', 64_000), 0);
});

test('C15 all addresses together: so many a second', () => {
  const limit = new FailureLimit({ perMinute: 20, perSecond: 200 });
  const first = Array.from({ length: 300 }, (_, i) => limit.note(`address ${i}`, 0));
  assert.equal(first.filter((wait) => wait === 0).length, 200);
  assert.ok(limit.wait('another', 0) > 0);
  assert.equal(limit.wait('another', 10), 0);
});

test('C15 the table of addresses is bounded, and forgets the one that failed longest ago', () => {
  const limit = new FailureLimit({ perMinute: 1, perSecond: 1_000_000 });
  for (let i = 0; i < 50_000; i += 1) limit.note(`address ${i}`, i);
  assert.equal(limit.size, 10_000);
  assert.equal(limit.wait('address 0', 50_000), 0);
  assert.ok(limit.wait('address 49999', 50_000) > 0);
});
