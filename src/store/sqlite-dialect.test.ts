import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { Kysely, sql } from 'kysely';
import { sqliteDialect } from './sqlite-dialect.ts';
import { SqliteHandle } from './sqlite-handle.ts';

it('P10 a transaction holds the write lock from its beginning', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'router-dialect-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'core.db');
  const db = new Kysely<unknown>({ dialect: sqliteDialect(new SqliteHandle(() => new DatabaseSync(path))) });
  t.after(() => db.destroy());
  const other = new DatabaseSync(path, { timeout: 0 });
  t.after(() => other.close());
  await sql`pragma journal_mode = wal`.execute(db);

  await db.transaction().execute(async (trx) => {
    await sql`select 1`.execute(trx);
    assert.throws(() => other.exec('begin immediate'), /locked/);
  });
  other.exec('begin immediate; rollback');
});
