import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { temporaryFolder } from '../support/temp.ts';
import { usageRow } from './store.contract.ts';

const PROGRAM = fileURLToPath(new URL('store-process.ts', import.meta.url));

/** What the process printed. */
async function run(path: string, action: 'name' | 'import' | 'revoke'): Promise<string> {
  return text(spawn(process.execPath, [PROGRAM, path, action], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout);
}

test('P3 a revocation that was acknowledged survives SIGKILL at that moment', async (t) => {
  const path = join(await temporaryFolder(t), 'core.db');
  for (let round = 0; round < 3; round += 1) {
    const id = await run(path, 'revoke');
    const store = await openSqliteStore({ path });
    const record = await store.tokens.find(id);
    await store.close();
    assert.equal(record?.revokedAt, 100);
  }
});

test('P10 processes that make the same file at once agree on it', async (t) => {
  const path = join(await temporaryFolder(t), 'core.db');
  const names = await Promise.all(Array.from({ length: 4 }, () => run(path, 'name')));
  assert.match(names[0] ?? '', /^\d+$/);
  assert.equal(new Set(names).size, 1);
});

test('P10 processes that write at the same time wait for each other, and lose nothing', async (t) => {
  const path = join(await temporaryFolder(t), 'core.db');
  const imported = await Promise.all([run(path, 'import'), run(path, 'import')]);
  assert.deepEqual(imported, ['100', '100']);
  const store = await openSqliteStore({ path });
  t.after(() => store.close());
  assert.equal((await store.tokens.list()).length, 200);
});

test('P5 a disk that fills up in a transaction is told as such, and leaves a store that works', async (t) => {
  const path = join(await temporaryFolder(t), 'core.db');
  const store = await openSqliteStore({ path });
  t.after(() => store.close());
  const rows = [usageRow({ requestId: 'a' }), usageRow({ requestId: 'b' })];
  const other = new DatabaseSync(path);
  // SQLite rolls a transaction back by itself when the disk is full, and so does this trigger.
  other.exec(`create trigger full before insert on usage begin select raise(rollback, 'disk is full'); end`);
  await assert.rejects(store.usage.append(rows), /disk is full/);
  other.exec('drop trigger full');
  other.close();
  await store.usage.append(rows);
  assert.deepEqual(await store.usage.find('b'), rows[1]);
});
