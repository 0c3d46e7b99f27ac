import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { emptyReading, emptyUsage, isTokenCount } from '../usage.ts';
import { mergeUsage } from './usage.ts';

const merged = (...raw: unknown[]) => raw.reduce(mergeUsage, emptyReading());
const doubtful = (...raw: unknown[]) => [...merged(...raw).doubtful].toSorted();

const writes = (total: unknown, short: unknown, long: unknown) => {
  const { usage, doubtful } = merged({
    input_tokens: 1,
    output_tokens: 1,
    cache_creation_input_tokens: total,
    cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
  });
  return [usage.cacheWrite, usage.cacheWrite1h, ...doubtful];
};

test('R10 all classes are read, and make the reading complete', () => {
  const reading = merged({
    input_tokens: 21,
    cache_creation_input_tokens: 188,
    cache_read_input_tokens: 2048,
    cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 88 },
    output_tokens: 34,
    service_tier: 'standard',
  });
  assert.deepEqual(reading.usage, { input: 21, output: 34, cacheWrite: 188, cacheWrite1h: 88, cacheRead: 2048 });
  assert.equal(reading.complete, true);
});

test('R10 an explicit 0 counts as reported, a missing figure does not', () => {
  assert.equal(merged({ input_tokens: 0, output_tokens: 0 }).complete, true);
  assert.deepEqual(doubtful({ input_tokens: 5 }), ['output']);
  assert.deepEqual(doubtful({}), ['input', 'output']);
  assert.deepEqual(doubtful({ input_tokens: null, output_tokens: 1, cache_read_input_tokens: null }), ['input']);
});

test('U14 values that are no token counts are refused, and leave the last valid one in doubt', () => {
  for (const wrong of [-1, 1.5, 2 ** 53, 1e308, Number.NaN, Infinity, '7', true, [7], { tokens: 7 }]) {
    const reading = merged({ input_tokens: 1, output_tokens: 5, cache_read_input_tokens: 2 }, { output_tokens: wrong });
    assert.equal(reading.usage.output, 5);
    assert.deepEqual([...reading.doubtful], ['output']);
    assert.equal(reading.complete, false);
  }
  assert.equal(merged({ input_tokens: 1, output_tokens: 2 ** 53 - 1 }).usage.output, Number.MAX_SAFE_INTEGER);
});

test('U14 a smaller number is ignored and doubtful until a larger one comes; 0 is only ignored', () => {
  const first = { input_tokens: 9, output_tokens: 10 };
  assert.equal(merged(first, { output_tokens: 4 }).usage.output, 10);
  assert.deepEqual(doubtful(first, { output_tokens: 4 }), ['output']);
  assert.deepEqual(doubtful(first, { output_tokens: 4 }, { output_tokens: 12 }), []);
  assert.deepEqual(
    merged(first, { input_tokens: 0, output_tokens: 12 }),
    merged({ input_tokens: 9, output_tokens: 12 }),
  );
});

test('U14 cache writes come from the total or from the lifetimes, whichever says more', () => {
  assert.deepEqual(writes(10, 4, 6), [10, 6]);
  assert.deepEqual(writes(undefined, 4, 6), [10, 6]);
  assert.deepEqual(writes(undefined, undefined, 6), [6, 6]);
  assert.deepEqual(writes(10, undefined, undefined), [10, 0]);
  assert.deepEqual(writes(null, undefined, undefined), [0, 0]);
  assert.deepEqual(writes(3, 4, 6), [10, 6]);
  assert.deepEqual(writes('10', 4, 6), [10, 6]);
  assert.deepEqual(writes('10', undefined, undefined), [0, 0, 'cacheWrite']);
  assert.deepEqual(writes(undefined, -4, undefined), [0, 0, 'cacheWrite']);
  assert.deepEqual(writes(10, -4, 6), [10, 6]);
  assert.deepEqual(writes(10, 4, '6'), [10, 0, 'cacheWrite1h']);
  assert.deepEqual(writes(undefined, 2 ** 53 - 1, 1), [0, 1, 'cacheWrite']);
});

test('U14 whatever is reported, figures stay token counts and never shrink', () => {
  const figure = fc.oneof(
    fc.nat(),
    fc.constantFrom(0, -0, -1, 2 ** 53, Number.NaN, '5', null, undefined),
    fc.jsonValue(),
  );
  const usage = fc.record(
    {
      input_tokens: figure,
      output_tokens: figure,
      cache_creation_input_tokens: figure,
      cache_read_input_tokens: figure,
      cache_creation: fc.oneof(
        figure,
        fc.record({ ephemeral_5m_input_tokens: figure, ephemeral_1h_input_tokens: figure }, { requiredKeys: [] }),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: usage }, fc.jsonValue())), (reports) => {
      let before = emptyReading();
      for (const report of reports) {
        const after = mergeUsage(before, report);
        for (const key of ['input', 'output', 'cacheWrite', 'cacheWrite1h', 'cacheRead'] as const) {
          assert.ok(isTokenCount(after.usage[key]) && !Object.is(after.usage[key], -0));
          assert.ok(after.usage[key] >= before.usage[key]);
        }
        assert.equal(after.complete, after.doubtful.size === 0);
        before = after;
      }
    }),
  );
  assert.deepEqual(emptyReading().usage, emptyUsage());
});
