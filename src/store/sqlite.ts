import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely } from 'kysely';
import { ConfigError, EXIT_CONFIG, messageOf } from '../errors.ts';
import { MIGRATIONS, migrate } from './migrations/index.ts';
import { sqlStores } from './sql-stores.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

export interface SqliteOptions {
  /** The database file, in a folder that is there; `:memory:` forgets everything when it is closed. */
  readonly path: string;
}

/** How long a statement waits for a lock of another process, in milliseconds. The event loop waits with it. */
const BUSY_TIMEOUT_MS = 5_000;
const BUSY_PAUSE_MS = 20;
const IN_MEMORY = ':memory:';

/**
 * The store in one SQLite file, which several processes may use at once. Makes the file (mode 0600) or brings its schema up
 * to date. Rejects with a `ConfigError` (exit code 78) that names the file when it cannot be used: it is corrupt, not a
 * database of the router, or written by a newer version. Such a file is left as it is.
 */
export async function openSqliteStore({ path }: SqliteOptions): Promise<Store> {
  try {
    if (path === IN_MEMORY) return await open(path);
    createPrivately(path);
    return await whileBusy(() => {
      inspect(path);
      return open(path);
    });
  } catch (error) {
    throw new ConfigError(`cannot use the database ${path}: ${messageOf(error)}`, EXIT_CONFIG);
  }
}

/** SQLite gives `-wal` and `-shm` the mode of the main file (https://sqlite.org/wal.html), so that one has to be right. */
function createPrivately(path: string): void {
  const { O_CREAT, O_NOFOLLOW, O_RDWR, O_RDONLY, O_DIRECTORY } = constants;
  closeSync(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
  const folder = openSync(dirname(path), O_RDONLY | O_DIRECTORY);
  fsyncSync(folder);
  closeSync(folder);
}

/** Throws when the file must not be touched. Read-only, because a writer would already change a foreign file's header. */
function inspect(path: string): void {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const tables = database.prepare(`select name from sqlite_schema where type = 'table'`).all();
    if (tables.length === 0) return;
    if (!tables.some(({ name }) => name === 'kysely_migration')) throw new Error('it belongs to another program');
    const applied = database.prepare('select name from kysely_migration').all();
    const unknown = applied.filter(({ name }) => !Object.hasOwn(MIGRATIONS, String(name)));
    if (unknown.length > 0) throw new Error(`a newer version of the router wrote it (${String(unknown[0]?.['name'])})`);
    if (!tables.some(({ name }) => name === 'tokens')) return;
    const [finding] = database.prepare(`pragma quick_check('tokens')`).all();
    if (finding?.['quick_check'] !== 'ok') throw new Error('it is corrupt');
  } finally {
    database.close();
  }
}

async function open(path: string): Promise<Store> {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
    if (mode !== 'wal' && path !== IN_MEMORY) throw new Error(`its file system allows no write-ahead log`);
    database.exec('pragma synchronous = full');
    const db = new Kysely<Tables>({ dialect: sqliteDialect(database) });
    await migrate(db);
    return { ...sqlStores(db), changedElsewhere: changeDetector(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** `data_version` changes when another connection commits, never by commits of this one (https://sqlite.org/pragma.html). */
function changeDetector(database: DatabaseSync): () => Promise<boolean> {
  const statement = database.prepare('pragma data_version');
  const read = () => statement.get()?.['data_version'];
  let seen: unknown;
  return async () => {
    const now = read();
    const changed = seen !== undefined && now !== seen;
    seen = now;
    return changed;
  };
}

/** Switching a new file to the write-ahead log fails at once, whatever the timeout, while another process does the same. */
async function whileBusy<Result>(action: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await delay(BUSY_PAUSE_MS);
  }
}

/** The low byte is the primary code; SQLITE_BUSY is 5 (https://sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}
