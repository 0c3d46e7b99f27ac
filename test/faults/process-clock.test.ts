import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosBed } from '../support/chaos.ts';
import { call, Ledger } from '../support/check-ledger.ts';

const LIBRARY = findLibrary();
const skip = LIBRARY === undefined && 'no libfaketime: install the Debian package faketime';
const HOUR = 3_600;

function findLibrary(): string | undefined {
  const folders = existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime`) : [];
  return folders.map((folder) => join(folder, 'libfaketimeMT.so.1')).find((path) => existsSync(path));
}

/** A router whose wall clock is set by `jump`, in seconds from the true time. Its monotonic clock goes on. */
async function startOnClock(t: TestContext) {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const file = join(bed.root, 'clock');
  const jump = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  jump(0);
  const router = await bed.start({
    env: {
      LD_PRELOAD: LIBRARY!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      STREAM_IDLE_TIMEOUT_MS: '60000',
      PING_INTERVAL_MS: '30000',
    },
  });
  return { ledger, bed, router, jump };
}

for (const [name, seconds] of [
  ['an hour ahead', HOUR],
  ['an hour back', -HOUR],
  ['a day ahead', 24 * HOUR],
  ['a day back', -24 * HOUR],
  ['10 minutes back', -600],
] as const) {
  test(`P8 the clock leaps ${name}: streams go on, tokens live and end by the clock, no figure is negative`, {
    skip,
  }, async (t) => {
    const { ledger, bed, router, jump } = await startOnClock(t);
    const lasting = await router.issue('lasting', 72);
    const brief = await router.issue('brief', 2);
    const revoked = await router.issue('revoked', 72);
    assert.equal((await router.admin('/api/tokens/revoke', { id: revoked.id })).status, 200);
    for (const token of [lasting, brief]) assert.equal((await call(router.url, token)).status, 200);
    const stream = call(router.url, lasting, { stream: true, words: 60, pauseMs: 20 });
    while ((await router.metric('link_assistant_running_answers')) !== 1) await sleep(10);

    jump(seconds);
    await sleep(600);
    const { status, end } = await stream;
    assert.deepEqual([status, end], [200, 'clean'], 'a stream is not ended by the clock');
    assert.equal((await call(router.url, lasting)).status, 200, 'a token whose end has not come');
    assert.equal((await call(router.url, brief)).status, seconds > 2 * HOUR ? 401 : 200);
    assert.equal((await call(router.url, revoked)).status, 403, 'a revocation holds at any time');
    const later = await router.issue('later', 1);
    assert.equal((await call(router.url, later)).status, 200);

    jump(0);
    await sleep(300);
    assert.equal((await call(router.url, lasting)).status, 200);
    assert.equal((await call(router.url, brief)).status, 200, 'the cache did not make the end of a token final');
    assert.equal((await call(router.url, revoked)).status, 403);
    router.signal('SIGTERM');
    assert.equal((await router.ended).code, 0, router.output);
    const rows = bed.database(t).prepare('select duration_ms, first_byte_ms, started_at from usage').all();
    // The two refusals before the upstream are not among them.
    assert.equal(rows.length, ledger.calls.length);
    for (const row of rows) {
      assert.ok(
        Number(row['duration_ms']) >= 0 && Number(row['first_byte_ms']) >= 0 && Number(row['duration_ms']) < 60_000,
      );
    }
    const moved = rows.filter((row) => Math.abs(Number(row['started_at']) - Date.now() - seconds * 1_000) < 60_000);
    assert.ok(moved.length >= 2, 'the clock of the process did leap');
  });
}
