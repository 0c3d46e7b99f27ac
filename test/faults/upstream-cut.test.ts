import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultBed, inBandError } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';

test('U6 a chunked stream that is cut ends in an error of the dialect, and never cleanly', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut', 'cut&how=rst', 'early-end', 'early-end&framing=length']) {
    await storm(t, bed, fault, {
      repeats: 40,
      reusable: fault.startsWith('early-end'),
      check: ({ answer, row }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
        assert.equal(inBandError(answer.body), 'api_error');
      },
    });
  }
});

test('U7 an answer that is shorter than it said is cut, a stream with an error of the dialect', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut-length', 'cut-length&how=rst']) {
    await storm(t, bed, fault, {
      check: ({ answer, row }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
        assert.equal(inBandError(answer.body), 'api_error');
      },
    });
  }
  for (const fault of ['cut-json', 'cut-json&how=rst', 'cut-json&framing=close', 'cut-json&framing=close&how=rst']) {
    await storm(t, bed, fault, {
      streamed: false,
      check: ({ answer, row }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
        assert.ok(row.estimated && row.inputTokens > 0);
      },
    });
  }
});

test('U7 half of a JSON text does not end cleanly, even when HTTP says that it is whole', async (t) => {
  const bed = await FaultBed.open(t);
  await storm(t, bed, 'cut-json&framing=chunked', {
    streamed: false,
    reusable: true,
    check: ({ answer, row }) => {
      assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
    },
  });
});

test('U8 a stream up to the end of the connection is whole with its terminal event, and never without', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut-close', 'cut-close&how=rst']) {
    await storm(t, bed, fault, {
      repeats: 40,
      check: ({ answer, row }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_cut']);
        assert.equal(inBandError(answer.body), 'api_error');
      },
    });
  }
  await storm(t, bed, 'until-close', {
    check: ({ answer, row }) => assert.deepEqual([answer.end, row.ended], ['clean', 'complete']),
  });
});

test('U9 what the connection does after the terminal event does not spoil the answer', async (t) => {
  const bed = await FaultBed.open(t, { streamIdleTimeoutMs: 500 });
  for (const fault of ['cut-after', 'cut-after&how=rst', 'cut-after&how=half', 'no-last-chunk']) {
    await storm(t, bed, fault, {
      withinMs: 1_500,
      repeats: 12,
      check: ({ answer, row }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'clean', 'complete'], fault);
      },
    });
  }
});

test('U9 a FIN in the middle is the end, though the upstream goes on reading', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut&how=half', 'cut-close&how=half', 'cut-length&how=half']) {
    await storm(t, bed, fault, {
      check: ({ answer, row }) => assert.deepEqual([answer.end, row.ended], ['cut', 'upstream_cut']),
    });
  }
});

test('U9 an upstream that does not end after its terminal event is waited for five seconds, not for the idle limit', async (t) => {
  const bed = await FaultBed.open(t);
  const asked = await bed.ask('no-last-chunk');
  assert.deepEqual([asked.answer.end, asked.row.ended], ['clean', 'complete']);
  assert.ok(asked.fairMs < 6_000, `${asked.fairMs} ms`);
});

test('4.1 an upstream that breaks before or inside its head is asked once, and the request is booked', async (t) => {
  const bed = await FaultBed.open(t);
  for (const fault of ['cut-head', 'cut-head&how=rst']) {
    await storm(t, bed, fault, {
      repeats: 40,
      check: ({ answer, row, entries }) => {
        assert.deepEqual([answer.status, row.ended, entries.length], [502, 'upstream_invalid', 1]);
        assert.ok(row.inputTokens > 0 && row.estimated);
      },
    });
  }
  for (const fault of ['cut-before', 'cut-before&how=rst']) {
    await storm(t, bed, fault, {
      repeats: 40,
      check: ({ answer, row, entries }) => {
        assert.deepEqual([answer.status, row.ended], [502, 'upstream_invalid']);
        // On a kept connection the first try meets what looks like a closing one (U22); the second never does.
        assert.ok(entries.length === 1 || (entries.length === 2 && entries[0]!.indexOnConnection > 0));
        assert.ok(row.inputTokens > 0 && row.estimated);
      },
    });
  }
});
