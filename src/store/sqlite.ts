import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { ConfigError, EXIT_CONFIG, messageOf } from '../errors.ts';
import { MIGRATIONS, migrate } from './migrations/index.ts';
import { type Patience, patient, persist } from './patient.ts';
import { sqlStores } from './sql-stores.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import { isBusy, SqliteHandle } from './sqlite-handle.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

export interface SqliteOptions {
  /** The database file, in a folder that is there; `:memory:` forgets everything when it is closed. */
  readonly path: string;
}

/** How long a call waits for locks of other processes. The event loop goes on meanwhile. */
const PATIENCE: Patience = { limitMs: 5_000, isBusy, random: Math.random };
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
    // Switching a new file to the write-ahead log fails while another process does the same.
    return await persist(async () => {
      inspect(path);
      return open(path);
    }, PATIENCE);
  } catch (error) {
    throw unusable(path, error);
  }
}

/**
 * The migrations that a database of an older version lacks. Looks only. Rejects as `openSqliteStore` does when the file cannot be
 * used.
 */
export async function pendingMigrations(path: string): Promise<string[]> {
  try {
    const applied = await persist(async () => inspect(path), PATIENCE);
    return Object.keys(MIGRATIONS).filter((name) => !applied.has(name));
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): ConfigError {
  return new ConfigError(`cannot use the database ${path}: ${messageOf(error)}`, EXIT_CONFIG);
}

/** SQLite gives `-wal` and `-shm` the mode of the main file (https://sqlite.org/wal.html), so that one has to be right. */
function createPrivately(path: string): void {
  const { O_CREAT, O_NOFOLLOW, O_RDWR, O_RDONLY, O_DIRECTORY } = constants;
  closeSync(openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
  const folder = openSync(dirname(path), O_RDONLY | O_DIRECTORY);
  fsyncSync(folder);
  closeSync(folder);
}

/**
 * Throws when the file must not be touched; returns the migrations that it went through. Read-only, because a writer would already
 * change a foreign file's header.
 */
function inspect(path: string): Set<string> {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    const tables = database.prepare(`select name from sqlite_schema where type = 'table'`).all();
    if (tables.length === 0) return new Set();
    if (!tables.some(({ name }) => name === 'kysely_migration')) throw new Error('it belongs to another program');
    const rows = database.prepare('select name from kysely_migration').all();
    const applied = new Set(rows.map(({ name }) => String(name)));
    const [unknown] = applied.difference(new Set(Object.keys(MIGRATIONS)));
    if (unknown !== undefined) throw new Error(`a newer version of the router wrote it (${unknown})`);
    if (tables.some(({ name }) => name === 'tokens')) checkTokens(database);
    return applied;
  } finally {
    database.close();
  }
}

/** The table that decides who gets in, on every start and after every I/O error. Usage may be too large for that. */
function checkTokens(database: DatabaseSync): void {
  const [finding] = database.prepare(`pragma quick_check('tokens')`).all();
  if (finding?.['quick_check'] !== 'ok') throw new Error('it is corrupt');
}

async function open(path: string): Promise<Store> {
  const handle = new SqliteHandle((again) => connect(path, again));
  try {
    const db = new Kysely<Tables>({ dialect: sqliteDialect(handle) });
    await migrate(db);
    return patient({ ...sqlStores(db), changedElsewhere: changeDetector(handle) }, PATIENCE);
  } catch (error) {
    handle.close();
    throw error;
  }
}

function connect(path: string, check: boolean): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
    if (mode !== 'wal' && path !== IN_MEMORY) throw new Error('its file system allows no write-ahead log');
    database.exec('pragma synchronous = full');
    if (check) checkTokens(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * `data_version` changes when another connection commits, never by commits of this one (https://sqlite.org/pragma.html). Then the
 * counter tells whether a token was among the changes; it counts those of this process too, which costs one needless answer.
 */
function changeDetector(handle: SqliteHandle): () => Promise<boolean> {
  const readVersion = () => handle.prepare('pragma data_version').get()?.['data_version'];
  const readCount = () => handle.prepare('select count from token_changes').get()?.['count'];
  let seen: { generation: number; version: unknown; count: unknown } | undefined;
  return async () =>
    handle.guard(() => {
      const { generation } = handle;
      const version = readVersion();
      if (generation === seen?.generation && version === seen.version) return false;
      const before = seen;
      seen = { generation, version, count: readCount() };
      return before !== undefined && (before.generation !== generation || before.count !== seen.count);
    });
}
