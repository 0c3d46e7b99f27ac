import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosBed, waitedMs } from '../support/chaos.ts';
import { call, Ledger } from '../support/check-ledger.ts';
import { openRaw } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY } from '../support/router.ts';

const PROCESSES = 8;
const SECONDS = Number(process.env['CHAOS_STORM_SECONDS'] ?? 5);
/** Writes a second of each process. */
const RATE = Number(process.env['CHAOS_STORM_RATE'] ?? 20);
const P99_MS = 100;
/** How long another process holds the write lock. Milliseconds. */
const HELD_MS = 2_000;

const percentile = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

test('P10 while another process holds the write lock, streams flow and checks of tokens answer; the write waits', async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const router = await bed.start();
  const known = await router.issue();
  const fresh = await router.issue();
  const stream = await openRaw(t, router.url);
  const body = JSON.stringify({
    ...{ model: 'm', max_tokens: 9, stream: true },
    messages: [{ role: 'user', content: 'x {"stream":true,"words":400,"pauseMs":10}' }],
  });
  await stream.request(messagesRequest(known.token, { body }));
  const head = await stream.head();
  const gaps: number[] = [];
  let last = performance.now();
  const reading = (async () => {
    for await (const _ of stream.body(head)) {
      gaps.push(performance.now() - last);
      last = performance.now();
    }
  })();

  const other = bed.database(t, true);
  other.exec('begin immediate');
  const held = performance.now();
  const write = router.issue('waits').then((token) => ({ token, after: performance.now() - held }));
  const asked = performance.now();
  assert.equal((await call(router.url, fresh)).status, 200, 'a token that no cache knows');
  assert.ok(performance.now() - asked < HELD_MS / 2, 'it did not wait for the lock');
  await sleep(HELD_MS - (performance.now() - held));
  const seen = gaps.length;
  other.exec('rollback');
  const { token, after } = await write;
  assert.ok(after >= HELD_MS, 'the write waited');
  assert.equal((await call(router.url, token)).status, 200);
  await reading;
  assert.ok(seen > 20, `${seen} pieces came while the lock was held`);
  assert.ok(Math.max(...gaps) < HELD_MS / 2, `a gap of ${Math.max(...gaps)} ms`);
});

test(`P10 ${PROCESSES} processes write to one database for ${SECONDS} s: no client sees a lock, and nothing is lost`, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const first = await bed.start();
  const rest = await Promise.all(Array.from({ length: PROCESSES - 1 }, () => bed.start()));
  const routers = [first, ...rest];
  const client = await first.issue('client');

  const walls: number[] = [];
  /** The same less the time in which this process or the router had no processor. */
  const times: number[] = [];
  const waits = (pid: number) => waitedMs('self') + waitedMs(pid);
  const statuses = new Map<number, number>();
  const messages: ReturnType<typeof call>[] = [];
  const end = performance.now() + SECONDS * 1_000;
  await Promise.all(
    routers.map(async (router) => {
      const connection = await openRaw(t, router.url);
      while (performance.now() < end) {
        const began = performance.now();
        const before = waits(router.pid);
        await connection.request({
          method: 'POST',
          target: '/api/tokens',
          headers: ['authorization', `Bearer ${ADMIN_KEY}`],
          body: '{"label":"storm"}',
        });
        const { status } = await connection.answer();
        const wall = performance.now() - began;
        walls.push(wall);
        times.push(wall - (waits(router.pid) - before));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        messages.push(call(router.url, client));
        await sleep(Math.max(0, 1_000 / RATE - (performance.now() - began)));
      }
    }),
  );
  const answers = await Promise.all(messages);
  for (const router of routers) router.signal('SIGTERM');
  for (const router of routers) assert.equal((await router.ended).code, 0, router.output);

  const database = new DatabaseSync(join(bed.dataDir, 'core.db'));
  const count = (sql: string) => Number(database.prepare(sql).get()?.['n']);
  const tokens = count(`select count(*) as n from tokens where label = 'storm'`);
  const rows = count('select count(*) as n from usage');
  database.close();
  const p99 = percentile(times);
  t.diagnostic(
    `${times.length} tokens, ${rows} usage rows; p99 ${p99.toFixed(1)} ms, with the wait for processors ${percentile(walls).toFixed(1)} ms`,
  );
  assert.deepEqual([...statuses], [[200, times.length]]);
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200),
    [],
  );
  assert.deepEqual([tokens, rows], [times.length, ledger.calls.length]);
  for (const router of routers) assert.doesNotMatch(router.output, /locked|SQLITE_BUSY|not written/);
  assert.ok(p99 <= P99_MS, `p99 is ${p99} ms`);
});
