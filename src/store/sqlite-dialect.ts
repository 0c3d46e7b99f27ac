import type { StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely';
import type { SqliteHandle } from './sqlite-handle.ts';

/** Kysely on one connection of `node:sqlite`, which `Kysely.destroy` closes. */
export function sqliteDialect(handle: SqliteHandle): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => new ImmediateDriver(handle),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** SQLite can roll a changed schema back; Kysely does not say so, and would migrate outside of any transaction. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #handle: SqliteHandle;

  constructor(handle: SqliteHandle) {
    super({ database: new NodeSqlite(handle) });
    this.#handle = handle;
  }

  /** Kysely lets one at a time through here, so no transaction is open. */
  override acquireConnection(): Promise<DatabaseConnection> {
    this.#handle.mend();
    return super.acquireConnection();
  }

  /**
   * Takes the write lock at once. A deferred transaction that reads and then writes gets SQLITE_BUSY without any waiting
   * when another process wrote in between; the busy timeout does not help there (https://sqlite.org/isolation.html).
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite has rolled back by itself after some errors, a full disk among them (https://sqlite.org/lang_transaction.html). */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#handle.isTransaction) await super.rollbackTransaction(connection);
  }
}

/** `node:sqlite` as the subset of `better-sqlite3` that Kysely asks for. */
class NodeSqlite implements SqliteDatabase {
  readonly #handle: SqliteHandle;
  readonly #statements = new WeakMap<StatementSync, SqliteStatement>();

  constructor(handle: SqliteHandle) {
    this.#handle = handle;
  }

  prepare(sql: string): SqliteStatement {
    const prepared = this.#handle.guard(() => this.#handle.prepare(sql));
    const known = this.#statements.get(prepared);
    if (known) return known;
    const statement = new NodeSqliteStatement(prepared, this.#handle);
    this.#statements.set(prepared, statement);
    return statement;
  }

  close(): void {
    this.#handle.close();
  }
}

/** `StatementSync` as it is used here: what Kysely binds is not known to the compiler, and checked by SQLite. */
interface PositionalStatement {
  columns(): unknown[];
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
}

class NodeSqliteStatement implements SqliteStatement {
  readonly #statement: PositionalStatement;
  readonly #handle: SqliteHandle;
  readonly reader: boolean;

  constructor(statement: PositionalStatement, handle: SqliteHandle) {
    this.#statement = statement;
    this.#handle = handle;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#handle.guard(() => this.#statement.all(...parameters));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#handle.guard(() => this.#statement.run(...parameters));
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...parameters);
  }
}
