import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spellings } from '../support/faultd/faults/sse.ts';
import { FaultBed, inBandError } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';
import { errorOf } from '../support/messages-client.ts';

test('U13 odd spellings of a stream pass byte for byte, and their usage is exact', async (t) => {
  const bed = await FaultBed.open(t);
  for (const as of spellings) {
    for (const size of [1, 3, 1_000]) {
      const { answer, row, entries } = await bed.ask(`spelling&as=${as}&size=${size}`);
      const whole = as !== 'no-blank-line';
      assert.deepEqual([answer.end, row.ended], whole ? ['clean', 'complete'] : ['cut', 'upstream_cut'], as);
      if (whole) assert.equal(answer.body.equals(entries[0]!.body!), true, as);
      else assert.equal(inBandError(answer.body), 'api_error');
      assert.deepEqual([row.inputTokens, row.outputTokens, row.estimated], [40, 8, false], as);
    }
  }
  await storm(t, bed, 'spelling&as=mixed&size=20', {
    reusable: true,
    check: ({ answer }) => assert.equal(answer.end, 'clean'),
  });
});

const FIRST = '{"input_tokens":40,"output_tokens":1}';
/** The final usage as JSON, what the first one said, and what must be booked: input, least output, whether it is an estimate. */
const USAGES: readonly (readonly [last: string, first: string, input: number, output: number, estimated: boolean])[] = [
  ['{"output_tokens":7}', FIRST, 40, 7, false],
  ['{"output_tokens":0}', '{"input_tokens":0,"output_tokens":0}', 0, 0, false],
  ['{}', FIRST, 40, 8, true],
  ['null', FIRST, 40, 8, true],
  ['[1]', FIRST, 40, 8, true],
  ['{"output_tokens":-5}', FIRST, 40, 8, true],
  ['{"output_tokens":1e308}', FIRST, 40, 8, true],
  ['{"output_tokens":1e999}', FIRST, 40, 8, true],
  ['{"output_tokens":"9"}', FIRST, 40, 8, true],
  ['{"output_tokens":1.5}', FIRST, 40, 8, true],
  ['{"output_tokens":9007199254740993}', FIRST, 40, 8, true],
  ['{"output_tokens":NaN}', FIRST, 40, 8, true],
  ['{"output_tokens":', FIRST, 40, 8, true],
  ['{"output_tokens":3}', '{"input_tokens":40,"output_tokens":50}', 40, 50, true],
  ['{"output_tokens":7}', '{"output_tokens":1}', 1, 7, true],
  ['{"output_tokens":7}', '{"input_tokens":-1,"output_tokens":1}', 1, 7, true],
  ['{"output_tokens":7}', '{"input_tokens":', 1, 7, true],
];

test('U14 figures that cannot be true are never booked; what was delivered is', async (t) => {
  const bed = await FaultBed.open(t);
  for (const [last, first, input, output, estimated] of USAGES) {
    const { answer, row, entries } = await bed.ask(
      `usage&usage=${encodeURIComponent(last)}&start=${encodeURIComponent(first)}`,
    );
    const what = `${first} then ${last}`;
    assert.deepEqual([answer.end, row.ended, row.estimated], ['clean', 'complete', estimated], what);
    assert.equal(answer.body.equals(entries[0]!.body!), true);
    const counts = [row.inputTokens, row.outputTokens, row.cacheReadTokens, row.cacheWriteTokens];
    assert.ok(
      counts.every((count) => Number.isSafeInteger(count) && count >= 0),
      `${what}: ${counts.join()}`,
    );
    // An estimate is at least this, and not absurd either.
    assert.ok(row.inputTokens >= input && row.inputTokens <= input + 100, `${what}: input ${row.inputTokens}`);
    assert.ok(row.outputTokens >= output && row.outputTokens <= output + 200, `${what}: output ${row.outputTokens}`);
  }
});

test('a 200 that is no answer of the API is 502, and is not logged as complete', async (t) => {
  const bed = await FaultBed.open(t);
  for (const streamed of [true, false]) {
    for (const type of ['text/html', 'text/plain', 'application/octet-stream', 'text/event-streams']) {
      await storm(t, bed, `foreign&type=${encodeURIComponent(type)}`, {
        streamed,
        check: ({ answer, row }) => {
          assert.deepEqual([answer.status, errorOf(answer.body).type], [502, 'api_error']);
          assert.deepEqual([row.ended, row.estimated, row.inputTokens > 0], ['upstream_invalid', true, true]);
        },
      });
    }
  }
});

test('a 200 in JSON that is no message passes as it came, and is not logged as complete', async (t) => {
  const bed = await FaultBed.open(t);
  for (const text of ['{}', '[]', '{"ok":true}', '"signed in"']) {
    const name = `foreign&type=application/json&text=${encodeURIComponent(text)}`;
    const { answer, row } = await bed.ask(name, { streamed: false });
    assert.deepEqual([answer.status, answer.body.toString(), row.ended], [200, text, 'upstream_invalid']);
    assert.ok(row.inputTokens > 0 && row.estimated);
  }
});

test('U15 an event over a megabyte hides neither the end of its stream nor the lack of one', async (t) => {
  const bed = await FaultBed.open(t);
  const whole = await bed.ask('huge-event');
  assert.deepEqual([whole.answer.end, whole.row.ended], ['clean', 'complete']);
  assert.equal(whole.answer.body.equals(whole.entries[0]!.body!), true);
  assert.deepEqual([whole.row.inputTokens, whole.row.outputTokens, whole.row.estimated], [40, 8, false]);
  const cut = await bed.ask('huge-event&cut=1');
  assert.deepEqual([cut.answer.end, cut.row.ended], ['cut', 'upstream_cut']);
  assert.equal(inBandError(cut.answer.body), 'api_error');
  assert.ok(cut.row.outputTokens > 2_097_152 / 4, 'what was delivered is booked');
});

test('U17 a stream in a coding that was not asked for passes while it can be read, and never ends half', async (t) => {
  const bed = await FaultBed.open(t);
  await storm(t, bed, 'gzip', {
    reusable: true,
    check: ({ answer, row, entries }) => {
      assert.deepEqual([answer.end, row.ended], ['clean', 'complete']);
      assert.equal(answer.body.equals(entries[0]!.body!), true);
    },
  });
  await storm(t, bed, 'gzip&cut=200', {
    reusable: true,
    check: ({ answer, row }) => assert.deepEqual([answer.end, row.ended], ['cut', 'upstream_cut']),
  });
  for (const coding of ['lzma', 'gzip,br,gzip', Array(1_000).fill('gzip,br').join(',')]) {
    await storm(t, bed, `gzip&coding=${coding}`, {
      check: ({ answer, row }) => assert.deepEqual([answer.status, row.ended], [502, 'upstream_invalid']),
    });
  }
});
