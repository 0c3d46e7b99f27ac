import type { Logger } from '../log/log.ts';
import type { UsageRow, UsageStore } from '../store/store.ts';

/** A group is written when it has this many rows, or when its first row is this old. Durability class B. */
const GROUP_ROWS = 64;
const GROUP_MS = 10;
/** Rows that are kept while the store cannot be written; past that the oldest are lost, and the log says so. */
const MAX_PENDING = 10_000;
const RETRY_MS = 1_000;

/** Writes usage rows in groups, so that a commit serves many requests. */
export class UsageWriter {
  readonly #store: UsageStore;
  readonly #log: Logger;
  #pending: UsageRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  constructor(store: UsageStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  add(row: UsageRow): void {
    this.#pending.push(row);
    if (this.#pending.length >= GROUP_ROWS) void this.flush();
    else this.#schedule(GROUP_MS);
  }

  /** Resolves when everything that was added before is written, or could not be. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const rows = this.#pending;
    this.#pending = [];
    this.#writing = this.#write(rows);
    await this.#writing;
  }

  async #write(rows: UsageRow[]): Promise<void> {
    try {
      await this.#store.append(rows);
    } catch (error) {
      this.#pending = rows.concat(this.#pending);
      const lost = this.#pending.length - MAX_PENDING;
      if (lost > 0) this.#pending.splice(0, lost);
      this.#log.error({ err: error, pending: this.#pending.length, lost: Math.max(0, lost) }, 'usage rows not written');
      this.#schedule(RETRY_MS);
    } finally {
      this.#writing = undefined;
    }
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, ms);
  }
}
