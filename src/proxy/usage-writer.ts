import type { Logger } from '../log/log.ts';
import type { UsageRow, UsageStore } from '../store/store.ts';

/** A group is written when it has this many rows, or when its first row is this old. Durability class B. */
const GROUP_ROWS = 64;
const GROUP_MS = 10;
/** Rows in one commit, so that a backlog does not hold the event loop. */
const COMMIT_ROWS = 512;
/** Rows that are kept while the store cannot be written; past that the oldest are lost, and the log says so. */
const MAX_PENDING_ROWS = 10_000;
const RETRY_MS = 1_000;

/** Writes usage rows in groups, so that a commit serves many requests. */
export class UsageWriter {
  readonly #store: UsageStore;
  readonly #log: Logger;
  #pending: UsageRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  /** The last write failed: rows wait for the next try. */
  #failing = false;
  #lost = 0;
  #closed = false;

  constructor(store: UsageStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Rows that wait for the store. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Rows that were given up since the start. */
  get lost(): number {
    return this.#lost;
  }

  add(row: UsageRow): void {
    this.#pending.push(row);
    if (this.#pending.length > MAX_PENDING_ROWS) {
      this.#pending.shift();
      this.#lost += 1;
    }
    // A write that is under way goes on until nothing is left.
    if (this.#writing) return;
    // While the store fails, a try per row would do nothing but hold up the requests.
    if (this.#failing) this.#schedule(RETRY_MS);
    else if (this.#pending.length >= GROUP_ROWS) void this.flush();
    else this.#schedule(GROUP_MS);
  }

  /** Resolves when everything that was added before is written, or could not be. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    this.#writing = this.#writeAll();
    await this.#writing;
  }

  /** A last try. What cannot be written now is lost, and the log says how much. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    if (this.#pending.length === 0) return;
    this.#lost += this.#pending.length;
    this.#log.error({ lost: this.#pending.length }, 'usage rows lost: the store could not be written to the end');
    this.#pending = [];
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const rows = this.#pending.slice(0, COMMIT_ROWS);
        await this.#store.append(rows);
        this.#drop(rows);
        if (this.#pending.length > 0) await new Promise(setImmediate);
      }
      if (this.#failing) this.#log.info({ lost: this.#lost }, 'usage rows are written again');
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#log.error({ err: error, pending: this.#pending.length, lost: this.#lost }, 'usage rows not written');
      if (!this.#closed) this.#schedule(RETRY_MS);
    } finally {
      this.#writing = undefined;
    }
  }

  /** Rows that were written. Some of them may have been given up meanwhile; appending again what is there counts once. */
  #drop(written: readonly UsageRow[]): void {
    const last = written.at(-1);
    const at = last === undefined ? -1 : this.#pending.indexOf(last);
    this.#pending.splice(0, at + 1);
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, ms);
  }
}
