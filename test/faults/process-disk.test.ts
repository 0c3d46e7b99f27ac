import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosBed, type RouterProcess } from '../support/chaos.ts';
import { call, Ledger, usageRecords } from '../support/check-ledger.ts';
import { eventually } from '../support/eventually.ts';
import { failCalls, noMount, noStrace, smallDisk } from '../support/disk.ts';
import { exchange } from '../support/client.ts';

const PENDING = 'link_assistant_usage_rows_pending';
const SYNCS = 'fsync,fdatasync';

interface Listed {
  readonly id: string;
  readonly revoked: boolean;
}

async function listed(router: RouterProcess): Promise<Map<string, Listed>> {
  const { json } = await router.admin('/api/tokens/list');
  return new Map((json['data'] as Listed[]).map((token) => [token.id, token]));
}

test('P5 on a full disk no change of a token is claimed, messages flow, usage waits; space heals it without a restart', {
  skip: noMount,
}, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const disk = smallDisk(t, '8m');
  const router = await bed.start({ env: { DATA_DIR: disk.path } });
  const known = await router.issue();
  const fresh = await router.issue();
  assert.equal((await call(router.url, known)).status, 200);
  await sleep(100);
  const before = await listed(router);

  disk.fill();
  for (const [path, body] of [
    ['/api/tokens', { label: 'x' }],
    ['/api/tokens/revoke', { id: known.id }],
    ['/api/tokens/rotate', { id: known.id }],
  ] as const) {
    const { status, json } = await router.admin(path, body);
    assert.equal(status, 503, path);
    assert.match(JSON.stringify(json), /store is unavailable/);
  }
  assert.deepEqual(await listed(router), before, 'nothing was changed');
  for (let round = 0; round < 20; round += 1) {
    for (const token of [known, fresh]) {
      const { status, end } = await call(router.url, token, { stream: round % 2 === 0 });
      assert.deepEqual([status, end], [200, 'clean']);
    }
  }
  assert.ok((await router.metric(PENDING)) >= 40, 'usage waits');
  // Lines of the log are written a quarter of a second after they are made.
  const isAlarm = (log: string) => /"level":"error".*"usage rows not written"/.test(log);
  await eventually(() => router.stderr, isAlarm);
  assert.equal((await exchange(t, router.url, { target: '/readyz' })).status, 503);

  disk.free();
  while ((await router.metric(PENDING)) > 0) await sleep(50);
  assert.equal((await exchange(t, router.url, { target: '/readyz' })).status, 200);
  assert.equal((await router.admin('/api/tokens/revoke', { id: known.id })).status, 200);
  assert.equal((await call(router.url, known)).status, 403);
  router.signal('SIGTERM');
  assert.equal((await router.ended).code, 0);
  const reader = new ChaosBed(t, ledger.url);
  const checked = await reader.start({ env: { DATA_DIR: disk.path } });
  assert.equal((await listed(checked)).get(known.id)?.revoked, true);
  await checked.kill();
  const database = new DatabaseSync(join(disk.path, 'core.db'));
  const rows = usageRecords(database);
  database.close();
  for (const { id } of ledger.calls) assert.equal(rows.filter(({ upstreamId }) => upstreamId === id).length, 1, id);
  assert.ok(ledger.calls.length >= 41);
});

test('P5 a router that ends on a full disk says how much usage it loses, and ends', { skip: noMount }, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const disk = smallDisk(t, '8m');
  const router = await bed.start({ env: { DATA_DIR: disk.path } });
  const token = await router.issue();
  disk.fill();
  assert.equal((await call(router.url, token)).status, 200);
  while ((await router.metric(PENDING)) !== 1) await sleep(20);
  const asked = performance.now();
  router.signal('SIGTERM');
  const { at, code } = await router.ended;
  assert.equal(code, 0, router.output);
  assert.ok(at - asked < 5_000, `ended after ${at - asked} ms`);
  assert.match(router.stderr, /"lost":1,.*usage rows lost/);
});

test('P6 where fsync fails nothing is claimed, and what was acknowledged is there after a kill', {
  skip: noStrace,
}, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const router = await bed.start();
  const tokens = [];
  for (let index = 0; index < 12; index += 1) tokens.push(await router.issue(`token ${index}`));
  const acknowledged = new Set<string>();

  const detachAll = await failCalls(t, router.pid, SYNCS, 'EIO');
  const [first] = tokens;
  assert.equal((await router.admin('/api/tokens/revoke', { id: first!.id })).status, 503);
  assert.equal((await router.admin('/api/tokens', { label: 'x' })).status, 503);
  await detachAll();

  const detachSome = await failCalls(t, router.pid, SYNCS, 'EIO:when=2+3');
  for (const { id } of tokens) {
    const { status } = await router.admin('/api/tokens/revoke', { id });
    if (status === 200) acknowledged.add(id);
    else assert.equal(status, 503);
  }
  await detachSome();
  assert.ok(acknowledged.size > 0 && acknowledged.size < tokens.length, `${acknowledged.size} were acknowledged`);
  assert.equal((await router.issue()).token.length > 0, true, 'the store works again');
  await router.kill();

  const again = await bed.start();
  const there = await listed(again);
  for (const { id } of tokens) assert.ok(there.has(id));
  for (const id of acknowledged) assert.equal(there.get(id)?.revoked, true, `acknowledged revocation of ${id}`);
  assert.equal(bed.database(t).prepare('pragma integrity_check').get()?.['integrity_check'], 'ok');
});
