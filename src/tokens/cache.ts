import type { TokenRecord } from '../store/store.ts';
import { MAX_TOKEN_BYTES, tokenDigest } from './format.ts';

const MAX_ENTRIES = 10_000;
/** Milliseconds. A bound for the case that no word of a revocation arrives; usually one does, within a second. */
const MAX_AGE_MS = 30_000;

interface Entry {
  readonly record: TokenRecord;
  readonly filledAt: number;
  readonly goodUntil: number;
}

/** Tokens that were found good a moment ago. The oldest entry goes when there are too many: none is older than `MAX_AGE_MS`. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** `now` gives Unix milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get(token: string): TokenRecord | undefined {
    if (token.length > MAX_TOKEN_BYTES) return undefined;
    const key = tokenDigest(token);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const now = this.#now();
    // A clock that was set back must not lengthen the life of an entry.
    if (now < entry.filledAt || now >= entry.goodUntil) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry.record;
  }

  /** `expiresAt` in Unix seconds. */
  set(token: string, record: TokenRecord, expiresAt: number): void {
    const filledAt = this.#now();
    const goodUntil = Math.min(filledAt + MAX_AGE_MS, expiresAt * 1000);
    const key = tokenDigest(token);
    this.#entries.delete(key);
    this.#entries.set(key, { record, filledAt, goodUntil });
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Forgets every token of this record. */
  drop(id: string): void {
    for (const [key, { record }] of this.#entries) {
      if (record.id === id) this.#entries.delete(key);
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
