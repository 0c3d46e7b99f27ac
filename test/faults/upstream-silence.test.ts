import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultBed, inBandError } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';
import { errorOf } from '../support/messages-client.ts';

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';

test('U4 an upstream that says nothing is 504 at the limit, asked once, and booked', async (t) => {
  const bed = await FaultBed.open(t, { firstByteTimeoutMs: 800 });
  for (const streamed of [true, false]) {
    await storm(t, bed, 'hang', {
      streamed,
      withinMs: 1_800,
      parallel: 10,
      check: ({ answer, row, entries, ms }) => {
        assert.deepEqual([answer.status, errorOf(answer.body).type], [504, 'timeout_error']);
        assert.deepEqual([row.ended, row.estimated, entries.length], ['upstream_timeout', true, 1]);
        assert.ok(row.inputTokens > 0);
        assert.ok(ms >= 800);
      },
    });
  }
});

test('U5 a stream that falls silent gets pings between its events, then an error of the dialect', async (t) => {
  const bed = await FaultBed.open(t, { pingIntervalMs: 200, streamIdleTimeoutMs: 1_500 });
  for (const fault of ['silent&at=4', 'silent&at=0']) {
    await storm(t, bed, fault, {
      withinMs: 2_500,
      parallel: 20,
      check: ({ answer, row, entries }) => {
        assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_timeout']);
        assert.equal(inBandError(answer.body), 'timeout_error');
        const text = answer.body.toString();
        const sent = entries[0]!.body!.toString();
        assert.ok(text.startsWith(sent + PING + PING), text);
        assert.ok(row.inputTokens > 0);
      },
    });
  }
  await storm(t, bed, 'silent&at=4&partial=1', {
    withinMs: 2_500,
    parallel: 20,
    check: ({ answer, row }) => {
      assert.equal(row.ended, 'upstream_timeout');
      assert.equal(answer.body.includes(PING), false, 'no ping inside an event');
      assert.equal(inBandError(answer.body), 'timeout_error');
    },
  });
});

test('U20 a stream that drips is relayed byte by byte and makes no timers', async (t) => {
  const bed = await FaultBed.open(t);
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  let most = 0;
  await storm(t, bed, 'drip&slow=20&every=20', {
    repeats: 40,
    parallel: 20,
    withinMs: 1_400,
    reusable: true,
    check: ({ answer, row }) => {
      most = Math.max(most, timers());
      assert.deepEqual([answer.end, row.ended], ['clean', 'complete']);
    },
  });
  // One timer per drip and per good stream is the fake upstream's; the router has a fixed number for all of them together.
  assert.ok(most < 20 + 10 + 20, `${most} timers`);
});

test('U20 a stream that drips forever ends at the total limit', async (t) => {
  const bed = await FaultBed.open(t, { streamTotalTimeoutMs: 2_000 });
  await storm(t, bed, 'drip&slow=100&every=50', {
    withinMs: 3_000,
    repeats: 20,
    parallel: 10,
    check: ({ answer, row }) => {
      assert.deepEqual([answer.status, answer.end, row.ended], [200, 'cut', 'upstream_timeout']);
      assert.equal(inBandError(answer.body), 'timeout_error');
    },
  });
});
