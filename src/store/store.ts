/**
 * What the router keeps, as interfaces. The contracts stand here in prose and in `test/contract/`, which runs over every
 * implementation. A method that rejects has changed nothing.
 */

export type TokenScope = 'client' | 'admin';

/** The authority on one token. The token itself is never stored. */
export interface TokenRecord {
  /** UUID v4, `sub` of the token. */
  readonly id: string;
  /**
   * SHA-256 of the whole token (base64url), which every presented token must match. `null` for a record that was imported
   * from 0.17.0, which kept no digest: there, the signature and the claims decide.
   */
  readonly digest: string | null;
  /** Last four characters of the token, to recognise it in a list. Empty for imported records. */
  readonly last4: string;
  readonly label: string;
  readonly scope: TokenScope;
  /** Name of the one account that this token may use; `null` leaves the choice to the pool. */
  readonly account: string | null;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds. Past this moment the token is refused. */
  readonly expiresAt: number;
  /** Unix seconds of the revocation, `null` while the token is good. Never goes back to `null`. */
  readonly revokedAt: number | null;
}

/**
 * Tokens. Durability class A: a resolved promise means that the change survives a crash of the process and of the machine.
 */
export interface TokenStore {
  /** Rejects with `DuplicateTokenError` when the id is taken. */
  insert(record: TokenRecord): Promise<void>;
  find(id: string): Promise<TokenRecord | undefined>;
  /** All records, oldest first, ties by id. */
  list(): Promise<TokenRecord[]>;
  /** `'revoked'` also when it was revoked before (the first time is kept); `'unknown'` changes nothing. */
  revoke(id: string, at: number): Promise<'revoked' | 'unknown'>;
  /** Sets the expiry to `at` when that is earlier than the present one. */
  expire(id: string, at: number): Promise<'expired' | 'unknown'>;
  /** Revokes `id` and inserts `successor` in one step, or neither. `'unknown'` also for a revoked one. */
  replace(id: string, successor: TokenRecord, at: number): Promise<'replaced' | 'unknown'>;
  /**
   * Inserts or merges imported records in one step, and returns how many were new or changed. A merge never weakens what is
   * there: a revocation stays, the earlier expiry wins, the digest, scope and account of a token issued here stay.
   */
  import(records: readonly TokenRecord[]): Promise<number>;
  /** Counts since the store was made, imported records left out. */
  totals(): Promise<{ issued: number; revoked: number }>;
}

/** One row per request that passed authentication. Counts are tokens; times are milliseconds; sizes are bytes. */
export interface UsageRow {
  readonly requestId: string;
  /** Unix milliseconds at which the request arrived. */
  readonly startedAt: number;
  readonly tokenId: string;
  /** Name of the route, `messages` or `count_tokens`. */
  readonly route: string;
  readonly upstream: string | null;
  readonly account: string | null;
  readonly model: string | null;
  readonly status: number;
  readonly streamed: boolean;
  /** Why it ended; `complete` is the only good one. */
  readonly ended: string;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Tokens written to the prompt cache, both lifetimes together. */
  readonly cacheWriteTokens: number;
  /** Those of `cacheWriteTokens` that live for an hour. */
  readonly cacheWrite1hTokens: number;
  readonly cacheReadTokens: number;
  /** The upstream reported no complete figures: at least one of the counts is an estimate. */
  readonly estimated: boolean;
  readonly bytesToUpstream: number;
  readonly bytesFromUpstream: number;
  readonly durationMs: number;
  /** Until the first byte of the upstream's answer; `null` when there was none. */
  readonly firstByteMs: number | null;
  readonly upstreamRequestId: string | null;
}

/** Sums over usage rows. */
export interface UsageTotals {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheWriteTokens: number;
  readonly cacheReadTokens: number;
}

/** Usage. Durability class B: rows are written in groups and survive a crash once `append` resolved. */
export interface UsageStore {
  /** Appends the rows in one step. A row whose request id is there already is left alone: settling twice counts once. */
  append(rows: readonly UsageRow[]): Promise<void>;
  find(requestId: string): Promise<UsageRow | undefined>;
  /** Sums for one token. */
  totals(tokenId: string): Promise<UsageTotals>;
}

/** Small facts about the installation: its id, whether the first admin token was shown. */
export interface InstallationStore {
  /** Returns the value that is there, or stores `value` and returns it: of many callers, one wins. */
  getOrCreate(key: string, value: string): Promise<string>;
  find(key: string): Promise<string | undefined>;
}

export interface Store {
  readonly tokens: TokenStore;
  readonly usage: UsageStore;
  readonly installation: InstallationStore;
  /**
   * Whether another process may have changed a token since the last call; booked usage alone is no change. Cheap enough to ask
   * several times a second. The first call answers `false`.
   */
  changedElsewhere(): Promise<boolean>;
  /** Rejects when the store cannot be written. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** `insert` met an id that is taken. */
export class DuplicateTokenError extends Error {
  constructor(id: string) {
    super(`a token with the id ${id} exists already`);
    this.name = 'DuplicateTokenError';
  }
}
