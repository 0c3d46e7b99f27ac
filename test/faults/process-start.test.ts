import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely } from 'kysely';
import { MIGRATIONS, migrate } from '../../src/store/migrations/index.ts';
import { sqliteDialect } from '../../src/store/sqlite-dialect.ts';
import { SqliteHandle } from '../../src/store/sqlite-handle.ts';
import type { Tables } from '../../src/store/tables.ts';
import { newSecret } from '../../src/tokens/secret.ts';
import { ChaosBed } from '../support/chaos.ts';
import { call, Ledger } from '../support/check-ledger.ts';
import { CliBed } from '../support/cli.ts';
import { makeReadOnly, noMount, smallDisk } from '../support/disk.ts';

const SIMULATOR = { ROUTER_PORT: '0', UPSTREAM_PROVIDER: 'simulator' };
const notRoot = process.getuid?.() === 0 ? false : 'only root can give a folder away';

/** Makes the folder by a first use. */
async function madeBed(t: Parameters<typeof CliBed.open>[0]): Promise<CliBed> {
  const bed = await CliBed.open(t);
  assert.equal((await bed.run(['tokens', 'issue'])).code, 0);
  return bed;
}

async function assertRefused(bed: CliBed, why: RegExp, env: Record<string, string> = {}): Promise<void> {
  const { code, stdout, stderr } = await bed.run(['serve'], { ...SIMULATOR, ...env });
  assert.deepEqual([code, stdout], [78, '']);
  assert.match(stderr, /^error: [^\n]+\n$/, 'one line');
  assert.match(stderr, why);
}

test('P7 a data folder of mode 0500 is refused with exit 78', async (t) => {
  const bed = await madeBed(t);
  chmodSync(bed.dataDir, 0o500);
  await assertRefused(bed, /is read-only\. chmod u\+w/).finally(() => chmodSync(bed.dataDir, 0o700));
});

test('P7 a data folder on a read-only file system is refused with exit 78', { skip: noMount }, async (t) => {
  const bed = await CliBed.open(t);
  const disk = smallDisk(t, '8m');
  const env = { DATA_DIR: disk.path };
  assert.equal((await bed.run(['tokens', 'list'], env)).code, 0);
  makeReadOnly(disk.path);
  await assertRefused(bed, /is read-only/, env);
});

test('P7 a data folder of another user is refused with exit 78', { skip: notRoot }, async (t) => {
  const bed = await madeBed(t);
  chownSync(bed.dataDir, 12_345, 12_345);
  await assertRefused(bed, /belongs to another user\. Run as its owner/);
});

for (const name of ['core.db', 'token-secret', '.']) {
  test(`P7 S13 open modes of ${name} are refused with exit 78, and --fix-perms closes them`, async (t) => {
    const bed = await madeBed(t);
    const path = join(bed.dataDir, name);
    const closed = statSync(path).mode & 0o777;
    chmodSync(path, closed | 0o044);
    await assertRefused(bed, /so others on this machine can reach it\. chmod \d+ .*or start with --fix-perms/);
    const router = bed.start(['serve', '--fix-perms'], SIMULATOR);
    await router.line(/^Listening on/);
    router.signal('SIGTERM');
    assert.equal((await router.result).code, 0);
    assert.equal(statSync(path).mode & 0o777, closed);
  });
}

/** A database as the first version of the schema left it, with one token in it. */
async function makeOldDatabase(dataDir: string): Promise<string> {
  mkdirSync(dataDir, { mode: 0o700 });
  const path = join(dataDir, 'core.db');
  writeFileSync(path, '', { mode: 0o600 });
  const handle = new SqliteHandle(() => new DatabaseSync(path));
  const db = new Kysely<Tables>({ dialect: sqliteDialect(handle) });
  const [name, migration] = Object.entries(MIGRATIONS)[0]!;
  await migrate(db, { [name]: migration });
  handle
    .prepare(`insert into tokens values ('old token', null, '', 'kept', 'client', null, 1, 4700000000, null)`)
    .run();
  await db.destroy();
  return path;
}

test('P14 the doctor looks at a database of an older version and leaves it; the start upgrades it and keeps what is there', async (t) => {
  const bed = await CliBed.open(t);
  const path = await makeOldDatabase(bed.dataDir);
  const before = readFileSync(path);
  const report = await bed.run(['doctor', '--json'], SIMULATOR);
  assert.match(report.stdout, /of an older version of the router, it lacks 0002-/);
  assert.equal(report.code, 0, report.stdout);
  assert.deepEqual(readFileSync(path), before);
  const { code, stdout } = await bed.run(['tokens', 'list', '--json']);
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as { label: string }[])[0]?.label, 'kept');
  assert.doesNotMatch((await bed.run(['doctor'], SIMULATOR)).stdout, /older version/);
});

test('P14 an upgrade by a newer process disturbs no traffic of the running one, which then may not start again', async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const router = await bed.start();
  const token = await router.issue();
  const calls: ReturnType<typeof call>[] = [];
  const load = setInterval(() => calls.push(call(router.url, token, { stream: true })), 20);
  t.after(() => clearInterval(load));
  while (calls.length < 10) await sleep(20);

  const handle = new SqliteHandle(() => new DatabaseSync(join(bed.dataDir, 'core.db'), { timeout: 5_000 }));
  const db = new Kysely<Tables>({ dialect: sqliteDialect(handle) });
  await migrate(db, {
    ...MIGRATIONS,
    '9999-additive': {
      up: ({ schema }) => schema.alterTable('tokens').addColumn('note', 'text').execute(),
    },
  });
  await db.destroy();
  const later = await router.issue();
  assert.equal((await call(router.url, later)).status, 200);
  assert.equal((await router.admin('/api/tokens/revoke', { id: later.id })).status, 200);
  assert.equal((await call(router.url, later)).status, 403);
  assert.doesNotMatch(JSON.stringify((await router.admin('/api/tokens/list')).json), /note/);
  const enough = calls.length + 20;
  while (calls.length < enough) await sleep(20);
  clearInterval(load);
  const answers = await Promise.all(calls);
  assert.deepEqual(
    answers.filter(({ status, end }) => status !== 200 || end !== 'clean'),
    [],
  );

  router.signal('SIGTERM');
  assert.equal((await router.ended).code, 0);
  const path = join(bed.dataDir, 'core.db');
  const before = readFileSync(path);
  const refused = bed.spawn();
  assert.equal((await refused.ended).code, 78);
  assert.match(
    refused.stderr,
    /^error: cannot use the database \S+: a newer version of the router wrote it \(9999-additive\)\n$/,
  );
  assert.deepEqual(readFileSync(path), before);
});

test('P14 a corrupt database is refused with exit 78 and kept', async (t) => {
  const bed = await madeBed(t);
  const path = join(bed.dataDir, 'core.db');
  const bytes = readFileSync(path);
  bytes.fill(0xaa, 0, 100);
  writeFileSync(path, bytes);
  await assertRefused(bed, /cannot use the database .*not a database/);
  assert.deepEqual(readFileSync(path), bytes);
});

test('P15 a signing secret that does not fit the tokens is told at the start and by the doctor, until it is back', async (t) => {
  const bed = await CliBed.open(t);
  assert.equal((await bed.run(['tokens', 'issue'])).code, 0);
  const serve = async (env: Record<string, string>) => {
    const router = bed.start(['serve'], { ...SIMULATOR, ...env });
    await router.line(/^Upstream/);
    router.signal('SIGTERM');
    return (await router.result).stderr;
  };
  assert.doesNotMatch(await serve({}), /signed with another secret/);
  const secret = { TOKEN_SECRET: newSecret() };
  const warned = await serve(secret);
  assert.match(warned, /2 of 2 living tokens/);
  assert.match(warned, /warning: .* than TOKEN_SECRET and are refused: .*TOKEN_SECRET_PREVIOUS/);
  assert.match((await bed.run(['doctor'], { ...SIMULATOR, ...secret })).stdout, /warn +signing secret +2 of 2 living/);
  const path = join(bed.dataDir, 'token-secret');
  const previous = { ...secret, TOKEN_SECRET_PREVIOUS: readFileSync(path, 'utf8').trim() };
  assert.doesNotMatch(await serve(previous), /signed with another secret/);

  renameSync(path, `${path}.away`);
  const lost = await serve({});
  assert.match(lost, new RegExp(`than ${path} and are refused: put that secret back`));
  rmSync(path);
  renameSync(`${path}.away`, path);
  assert.doesNotMatch(await serve({}), /signed with another secret/);
});
