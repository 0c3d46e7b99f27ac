import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConfigError } from '../errors.ts';
import { openSqliteStore } from './sqlite.ts';

describe('openSqliteStore', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'router-sqlite-'));
    path = join(folder, 'core.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** It says which file and why, in one line, and the file has the bytes that it had. */
  async function assertRefused(why: RegExp): Promise<void> {
    const before = readFileSync(path);
    await assert.rejects(openSqliteStore({ path }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.exitCode, 78);
      assert.ok(error.message.includes(path) && !error.message.includes('\n'), error.message);
      assert.match(error.message, why);
      return true;
    });
    assert.deepEqual(readFileSync(path), before);
  }

  it('S13 the database, its log and its index are closed to others', async () => {
    const umask = process.umask(0);
    const store = await openSqliteStore({ path }).finally(() => process.umask(umask));
    await store.probe();
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
    await store.close();
  });

  it('the file has a write-ahead log', async () => {
    const store = await openSqliteStore({ path });
    await store.close();
    const database = new DatabaseSync(path, { readOnly: true });
    assert.equal(database.prepare('pragma journal_mode').get()?.['journal_mode'], 'wal');
    database.close();
  });

  it('P14 a file of another kind is refused and kept', async () => {
    writeFileSync(path, 'no database at all, but long enough to be looked at as one. '.repeat(20), { mode: 0o600 });
    await assertRefused(/not a database/);
  });

  it('P14 a database whose pages are damaged is refused and kept', async () => {
    await (await openSqliteStore({ path })).close();
    const bytes = readFileSync(path);
    bytes.fill(0xaa, 100, 4096);
    writeFileSync(path, bytes);
    await assertRefused(/malformed|corrupt/);
  });

  it('P14 a database that was cut off is refused and kept', async () => {
    await (await openSqliteStore({ path })).close();
    writeFileSync(path, readFileSync(path).subarray(0, 5000));
    await assertRefused(/malformed|corrupt/);
  });

  it('P14 a schema that is newer than the program is refused and kept', async () => {
    await (await openSqliteStore({ path })).close();
    const database = new DatabaseSync(path);
    database.exec(`insert into kysely_migration values ('9999-from-the-future', '2999-01-01T00:00:00.000Z')`);
    database.close();
    await assertRefused(/newer version .*9999-from-the-future/);
  });

  it('P14 a database of another program is refused and kept', async () => {
    const database = new DatabaseSync(path);
    database.exec('create table bookmarks (url text)');
    database.close();
    await assertRefused(/another program/);
  });

  it('a link in the place of the file is refused', async () => {
    const target = join(folder, 'elsewhere');
    writeFileSync(target, '');
    symlinkSync(target, path);
    await assertRefused(/ELOOP/);
  });

  it('a folder that is not there is refused by name', async () => {
    const missing = join(folder, 'missing', 'core.db');
    await assert.rejects(openSqliteStore({ path: missing }), { exitCode: 78, message: new RegExp(missing) });
  });
});
