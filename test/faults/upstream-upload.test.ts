import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultBed } from '../support/faultd-bed.ts';
import { storm } from '../support/faultd-storm.ts';
import { errorOf, SMALL_BODY } from '../support/messages-client.ts';

/** More than the kernel takes on loopback, so that the rest waits in the router. */
const LARGE = SMALL_BODY.replace('hi', 'x'.repeat(16 * 1024 * 1024));

test('U23 an upstream that answers 413 while the body is on its way: the client gets that answer, the upload ends', async (t) => {
  const bed = await FaultBed.open(t);
  for (const then of ['close', 'drain', 'stall']) {
    for (let i = 0; i < 5; i += 1) {
      const { answer, row, entries, fairMs } = await bed.ask(`early-413&then=${then}`, {
        streamed: false,
        body: LARGE,
      });
      assert.deepEqual([answer.status, errorOf(answer.body).type], [413, 'request_too_large'], then);
      assert.deepEqual([row.ended, row.inputTokens, entries.length], ['upstream_error', 0, 1], then);
      assert.ok(fairMs < 5_000, `${then}: ${fairMs}`);
      if (then !== 'drain') assert.equal(entries[0]!.received, false, 'the upload did not go on');
    }
  }
  await storm(t, bed, 'early-413&then=close', { check: ({ answer }) => assert.equal(answer.status, 413) });
});

test('U23 an upstream that reads 1 KB/s is 504 at the limit, and the upload ends', async (t) => {
  const bed = await FaultBed.open(t, { firstByteTimeoutMs: 1_500 });
  const all = Array.from({ length: 4 }, () => bed.ask('slow-read&seconds=4', { streamed: false, body: LARGE }));
  for (const { answer, row, entries, fairMs } of await Promise.all(all)) {
    assert.deepEqual([answer.status, errorOf(answer.body).type, row.ended], [504, 'timeout_error', 'upstream_timeout']);
    assert.ok(row.inputTokens > 0 && row.estimated);
    assert.ok(fairMs <= 2_500 + 1_000, `${fairMs} ms, the way of the body to the router included`);
    // When the upstream at last reads all that there is, it is not the whole body.
    for (let i = 0; i < 500 && entries[0]!.outcome === 'running'; i += 1) await sleep(20);
    assert.deepEqual([entries[0]!.outcome, entries[0]!.received], ['gone', false]);
  }
});
