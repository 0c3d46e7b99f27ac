import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** Statements that are kept prepared. The router's own queries are a few dozen texts. */
const MAX_STATEMENTS = 256;
/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const BUSY = 5;
const IO_ERROR = 10;

/**
 * One connection to a database file, which is made anew after an I/O error. What such a connection has in memory need not be on
 * the disk: after a failed fsync the system takes its pages for clean and may drop them, so that the next fsync succeeds without
 * having written them (https://wiki.postgresql.org/wiki/Fsync_Errors). So nothing is believed but what is read back.
 */
export class SqliteHandle {
  readonly #open: (again: boolean) => DatabaseSync;
  #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #isSuspect = false;
  /** How often the connection was made anew. */
  #generation = 0;

  /** `open` makes a connection, and throws when it cannot be used. The second time and later, it checks what is there as well. */
  constructor(open: (again: boolean) => DatabaseSync) {
    this.#open = open;
    this.#database = open(false);
  }

  get generation(): number {
    return this.#generation;
  }

  get isTransaction(): boolean {
    return this.#database.isOpen && this.#database.isTransaction;
  }

  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs one action on the connection, and notes when it failed in a way after which the connection must not be trusted. */
  guard<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if (primaryCode(error) === IO_ERROR) this.#isSuspect = true;
      throw error;
    }
  }

  /**
   * To be called while no transaction is open. Makes a suspect connection anew; when that fails, statements fail until a later
   * call succeeds. Never throws.
   */
  mend(): void {
    if (!this.#isSuspect) return;
    this.close();
    try {
      this.#database = this.#open(true);
      this.#isSuspect = false;
      this.#generation += 1;
    } catch {
      // The closed connection stays: whoever uses it gets an error.
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }
}

/** Whether another connection held the lock that a statement needed. Nothing was changed then. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

/** The low byte of an extended result code. */
function primaryCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}
