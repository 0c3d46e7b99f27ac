import { randomUUID } from 'node:crypto';
import { RouterError } from '../errors.ts';
import type { Store, TokenRecord } from '../store/store.ts';
import { checkIssueRequest, type IssueRequest } from './bounds.ts';
import { TokenCache } from './cache.ts';
import { type Keyring, MAX_TOKEN_BYTES, mintToken, readToken, type SignedToken, tokenDigest } from './format.ts';
import { TokenWatchers } from './watchers.ts';

export interface TokenServiceOptions {
  readonly store: Pick<Store, 'tokens' | 'changedElsewhere'>;
  readonly keyring: Keyring;
  /** Id of this installation: tokens of another one are refused. */
  readonly installation: string;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What is said of a presented token. `refused` gives no reason, because no caller may learn one. */
type Verdict =
  | { readonly kind: 'valid'; readonly record: TokenRecord }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'refused' };

export interface IssuedToken {
  /** Shown to its holder once; nobody can read it back from the store. */
  readonly token: string;
  readonly record: TokenRecord;
}

/**
 * Tokens: issuing, checking, ending. Every promise here rejects with `RouterError('store_unavailable')` when the store fails.
 * A change is on disk, and this process acts by it, before its promise resolves.
 */
export interface TokenService {
  /** The record of a token that `verify` found good at most 30 s ago. `undefined` says nothing: ask `verify`. */
  cached(token: string): TokenRecord | undefined;
  /** Checks the signature first; the store is asked only about tokens that were signed here. */
  verify(token: string): Promise<Verdict>;
  /** Rejects with `RouterError('invalid_request')` when the wish is out of bounds. */
  issue(request?: IssueRequest): Promise<IssuedToken>;
  /** Oldest first. */
  list(): Promise<TokenRecord[]>;
  find(id: string): Promise<TokenRecord | undefined>;
  revoke(id: string): Promise<'revoked' | 'unknown'>;
  /** Lets the token end now. */
  expire(id: string): Promise<'expired' | 'unknown'>;
  /**
   * Revokes a token and issues another with the same label, scope, account and length of life. `undefined` when there is
   * none, or when it has ended: that one has no successor.
   */
  rotate(id: string): Promise<IssuedToken | undefined>;
  /** Counts since the store was made. */
  totals(): Promise<{ issued: number; revoked: number }>;
  /**
   * `onEnded` is called once when the token has ended: at once for changes through this service, and by `recheck` for those
   * by other processes and for the passing of time. It is not called after the returned function.
   */
  watch(id: string, onEnded: () => void): () => void;
  /** Looks for changes by other processes. To be called several times a second; calls do not overlap. */
  recheck(): Promise<void>;
}

export function createTokenService(options: TokenServiceOptions): TokenService {
  const { keyring, installation, now } = options;
  const { tokens } = options.store;
  const cache = new TokenCache(now);
  const watchers = new TokenWatchers();
  const seconds = () => Math.floor(now() / 1000);
  /** Grows with everything that may end a token. An answer of the store from before it grew must not be trusted after. */
  let generation = 0;
  let rechecking: Promise<void> | undefined;
  /** The first answer on changes tells nothing of the time before it. */
  let isBaselineSet = false;

  function ended(id: string): void {
    generation += 1;
    cache.drop(id);
    watchers.end(id);
  }

  function judge(token: string, signed: SignedToken, record: TokenRecord | undefined): Verdict {
    if (!record || record.digest !== (signed.legacy ? null : tokenDigest(token))) return { kind: 'refused' };
    if (Math.min(signed.expiresAt, record.expiresAt) <= seconds()) return { kind: 'refused' };
    return record.revokedAt === null ? { kind: 'valid', record } : { kind: 'revoked' };
  }

  async function create(facts: Omit<TokenRecord, 'digest' | 'last4' | 'revokedAt'>): Promise<IssuedToken> {
    const token = await mintToken(facts, keyring, installation);
    if (token.length > MAX_TOKEN_BYTES) {
      throw new RouterError('invalid_request', 'label is too long for a token.');
    }
    return { token, record: { ...facts, digest: tokenDigest(token), last4: token.slice(-4), revokedAt: null } };
  }

  async function lookForChanges(): Promise<void> {
    watchers.endExpired(seconds());
    const changed = await asking(options.store.changedElsewhere());
    if (changed || !isBaselineSet) {
      isBaselineSet = true;
      generation += 1;
      cache.clear();
      // Stays so for those that cannot be read below: the store says only once that something changed.
      watchers.markUnread();
    }
    for (const watch of watchers.unread()) {
      const record = await asking(tokens.find(watch.id));
      if (record?.revokedAt === null && record.expiresAt > seconds()) watch.markRead(record.expiresAt);
      else ended(watch.id);
    }
  }

  return {
    cached: (token) => cache.get(token),

    async verify(token) {
      const signed = await readToken(token, keyring, installation);
      if (!signed) return { kind: 'refused' };
      for (;;) {
        const before = generation;
        const verdict = judge(token, signed, await asking(tokens.find(signed.id)));
        if (generation !== before) continue;
        if (verdict.kind === 'valid') {
          cache.set(token, verdict.record, Math.min(signed.expiresAt, verdict.record.expiresAt));
        }
        return verdict;
      }
    },

    async issue(request = {}) {
      const { ttlHours, ...wanted } = checkIssueRequest(request);
      const issuedAt = seconds();
      const issued = await create({ ...wanted, id: randomUUID(), issuedAt, expiresAt: issuedAt + ttlHours * 3600 });
      await asking(tokens.insert(issued.record));
      return issued;
    },

    list: () => asking(tokens.list()),
    find: (id) => asking(tokens.find(id)),

    async revoke(id) {
      const outcome = await asking(tokens.revoke(id, seconds()));
      ended(id);
      return outcome;
    },

    async expire(id) {
      const outcome = await asking(tokens.expire(id, seconds()));
      ended(id);
      return outcome;
    },

    async rotate(id) {
      const old = await asking(tokens.find(id));
      const issuedAt = seconds();
      if (!old || old.revokedAt !== null || old.expiresAt <= issuedAt) return undefined;
      const { label, scope, account } = old;
      const expiresAt = issuedAt + old.expiresAt - old.issuedAt;
      const successor = await create({ id: randomUUID(), label, scope, account, issuedAt, expiresAt });
      const outcome = await asking(tokens.replace(id, successor.record, issuedAt));
      ended(id);
      return outcome === 'replaced' ? successor : undefined;
    },

    totals: () => asking(tokens.totals()),
    watch: (id, onEnded) => watchers.add(id, onEnded),

    recheck() {
      rechecking ??= lookForChanges().finally(() => {
        rechecking = undefined;
      });
      return rechecking;
    },
  };
}

/** The promise of a store, with its failures as the answer that a client may see. */
async function asking<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    throw new RouterError('store_unavailable', 'The token store is unavailable.', { cause: error });
  }
}
