import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRaw } from '../support/client.ts';
import { integerBetween, seeded } from '../support/faultd/random.ts';
import { FaultBed } from '../support/faultd-bed.ts';
import { messagesRequest } from '../support/messages-client.ts';

const REQUESTS = 10_000;
const CLIENTS = 32;
const IDLE_MS = 6;

test('U22 10,000 requests across the idle limit of the upstream: no client sees an error, none is executed twice', async (t) => {
  const bed = await FaultBed.open(t, {}, { idleMs: IDLE_MS, fault: 'json' });
  const random = seeded(22);
  let left = REQUESTS;
  let failures = 0;
  const client = async (): Promise<void> => {
    const connection = await openRaw(t, bed.router.url);
    while (left > 0) {
      left -= 1;
      await connection.request(messagesRequest(bed.token, { headers: ['x-nonce', `k${left}`] }));
      const { status, end } = await connection.answer();
      if (status !== 200 || end !== 'clean') failures += 1;
      // Around the limit: the connection is being closed while the next request goes out.
      await sleep(integerBetween(random, IDLE_MS - 3, IDLE_MS + 3));
    }
    connection.destroy();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  assert.equal(failures, 0);
  const { entries, connections } = bed.faultd.ledger;
  assert.equal(new Set(entries.map(({ nonce }) => nonce)).size, REQUESTS);
  assert.equal(entries.length, REQUESTS, 'executed once each');
  assert.ok(connections > 500, `${connections} connections: the limit was met often`);
});

test('U22 a kept connection that breaks long after the request went out is not asked again', async (t) => {
  const bed = await FaultBed.open(t);
  for (const how of ['fin', 'rst']) {
    await bed.ask('json', { streamed: false });
    const { answer, row, entries } = await bed.ask(`cut-late&how=${how}`, { streamed: false });
    assert.ok(entries[0]!.indexOnConnection > 0, 'on a kept connection');
    assert.deepEqual([answer.status, row.ended, entries.length], [502, 'upstream_invalid', 1]);
    assert.ok(row.inputTokens > 0 && row.estimated);
  }
});
