import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { invalidAnswers } from '../support/faultd/faults/framing.ts';
import { FaultBed, inBandError } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';
import { errorOf } from '../support/messages-client.ts';

test('U16 answers with too many or too large headers are 502', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['many-headers', 'many-headers&count=1&bytes=20000', 'many-headers&count=400&bytes=50']) {
    await storm(t, bed, fault, {
      // undici makes an error for each header past the limit, for as many as one read of the socket brings.
      maxCpuMs: fault === 'many-headers' ? 300 : 50,
      check: ({ answer, row, entries }) => {
        assert.deepEqual([answer.status, errorOf(answer.body).type, row.ended], [502, 'api_error', 'upstream_invalid']);
        assert.deepEqual([entries.length, row.inputTokens > 0], [1, true]);
      },
    });
  }
});

test('U18 what is no HTTP answer is 502, asked once, and its connection is dropped', async (t) => {
  const bed = await FaultBed.open(t);
  for (const as of invalidAnswers) {
    for (let i = 0; i < 20; i += 1) {
      const { answer, row, entries, fairMs } = await bed.ask(`invalid&as=${as}`);
      // Where the head was good, only the body is broken.
      const ended = as.startsWith('chunk-') ? 'upstream_cut' : 'upstream_invalid';
      assert.deepEqual([answer.status, row.ended], [502, ended], as);
      assert.ok(fairMs < 1_000);
      // Nothing at all, on a kept connection, looks as if it was being closed (U22).
      assert.ok(entries.length === 1 || as === 'empty', as);
      assert.equal(bed.faultd.ledger.reusedAfter((entry) => entry === entries.at(-1)).length, 0, as);
    }
  }
  await storm(t, bed, 'invalid&as=chunk-overflow', { check: ({ answer }) => assert.equal(answer.status, 502) });
});

test('U18 a chunk that is none, after good ones, ends in an error of the dialect', async (t) => {
  const bed = await FaultBed.open(t);
  await storm(t, bed, 'chunk-later', {
    check: ({ answer, row }) => {
      assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
      assert.equal(inBandError(answer.body), 'api_error');
    },
  });
});

test('U18 interim answers without end are 502 after a few of them', async (t) => {
  const bed = await FaultBed.open(t);
  await storm(t, bed, 'interim&count=10000', {
    check: ({ answer, row }) => assert.deepEqual([answer.status, row.ended], [502, 'upstream_invalid']),
  });
  const few = await bed.ask('interim&count=10');
  assert.equal(few.answer.status, 200);
});

test('U18 a chunk extension of a megabyte is passed over', async (t) => {
  const bed = await FaultBed.open(t);
  await storm(t, bed, 'chunk-extension', {
    streamed: false,
    reusable: true,
    repeats: 12,
    check: ({ answer, row }) => assert.deepEqual([answer.status, answer.end, row.ended], [200, 'clean', 'complete']),
  });
});

test('U19 a second answer that nobody asked for reaches nobody, in 1,000 interleaved requests', async (t) => {
  const bed = await FaultBed.open(t);
  const faults = ['double', 'json', 'double&extra=bytes', 'good', 'double&extra=body', 'json'];
  const doubles = new Set<string>();
  let left = 1_000;
  const run = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const fault = faults[left % faults.length]!;
      const { answer, nonce, row } = await bed.ask(fault, { streamed: fault === 'good' });
      if (fault.startsWith('double')) doubles.add(nonce);
      const text = answer.body.toString();
      assert.deepEqual([answer.status, answer.end, row.ended], [200, 'clean', 'complete'], fault);
      assert.deepEqual([...new Set(text.match(/#\d+ (\S+) /g)?.map((part) => part.split(' ')[1]))], [nonce]);
      assert.equal(text.includes('SMUGGLED'), false);
    }
  };
  await Promise.all(Array.from({ length: 8 }, run));
  assert.ok(doubles.size > 400);
  assert.equal(bed.faultd.ledger.reusedAfter((entry) => doubles.has(entry.nonce ?? '')).length, 0);
});

test('U19 a second answer that comes later, on an idle connection, closes it', async (t) => {
  const bed = await FaultBed.open(t);
  for (let i = 0; i < 20; i += 1) {
    const double = await bed.ask('double&apart=10', { streamed: false });
    assert.equal(double.answer.status, 200);
    await sleep(60);
    const next = await bed.ask('json', { streamed: false });
    assert.equal(next.answer.body.includes('SMUGGLED'), false);
    assert.notEqual(next.entries[0]!.connection, double.entries[0]!.connection);
  }
});
