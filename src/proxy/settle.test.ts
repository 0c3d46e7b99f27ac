import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyReading, emptyUsage, type UsageReading } from '../dialects/usage.ts';
import { bookUsage } from './settle.ts';

const reading = (usage: Partial<UsageReading['usage']>, doubtful: (keyof UsageReading['usage'])[]): UsageReading => ({
  usage: { ...emptyUsage(), ...usage },
  doubtful: new Set(doubtful),
  complete: doubtful.length === 0,
});

test('R10 figures of the upstream win, also when they are 0', () => {
  assert.deepEqual(bookUsage(reading({}, []), 5_000, 5_000), { ...emptyUsage(), estimated: false });
});

test('R9 a broken answer costs at least what was delivered, and never less than what was reported', () => {
  assert.deepEqual(bookUsage(reading({ input: 50, output: 1 }, ['output']), 300, 4_000), {
    ...emptyUsage(),
    input: 50,
    output: 100,
    estimated: true,
  });
  assert.equal(bookUsage(reading({ input: 50, output: 500 }, ['output']), 300, 4_000).output, 500);
});

test('U4 an upstream that took a request and never said what it read is booked by the size of the request', () => {
  for (const nothing of [undefined, emptyReading()]) {
    assert.deepEqual(bookUsage(nothing, 0, 4_001), { ...emptyUsage(), input: 1_001, estimated: true });
  }
});

test('only what is doubtful is estimated', () => {
  const booked = bookUsage(reading({ input: 7, output: 3, cacheRead: 9 }, ['cacheRead']), 300, 4_000);
  assert.deepEqual([booked.input, booked.output, booked.cacheRead, booked.estimated], [7, 3, 9, true]);
});
