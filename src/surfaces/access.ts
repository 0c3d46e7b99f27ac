import { createHash, timingSafeEqual } from 'node:crypto';
import { RouterError } from '../errors.ts';
import { type ClientAddresses, subscriberOf } from '../http/client-address.ts';
import { clientCredentials } from '../http/credentials.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Access } from '../http/routes.ts';
import type { TokenRecord } from '../store/store.ts';
import type { TokenService } from '../tokens/service.ts';
import type { FailureLimit } from './failures.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
/** A web page can make a browser on this machine ask loopback under a name of its own (DNS rebinding). */
const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

export interface AccessOptions {
  readonly tokens: TokenService;
  /** The flat key of the configuration. */
  readonly adminKey: string | undefined;
  readonly addresses: ClientAddresses;
  readonly failures: FailureLimit;
}

/** Decides who may use a route. */
export class AccessControl {
  readonly #options: AccessOptions;
  readonly #tokens: TokenService;
  readonly #adminKey: Buffer | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
    this.#adminKey = options.adminKey === undefined ? undefined : digest(options.adminKey);
  }

  /** Throws what the caller gets; notes the token of the request. Synchronous for tokens that are known already. */
  authorize(exchange: Exchange, access: Access): void | Promise<void> {
    switch (access) {
      case 'open':
        return;
      case 'client':
        return this.#client(exchange);
      case 'monitor':
        return isLocal(exchange) ? undefined : this.#admin(exchange);
      case 'admin':
        return this.#admin(exchange);
    }
  }

  #client(exchange: Exchange): void | Promise<void> {
    const credentials = clientCredentials(exchange.headers, exchange.query);
    if (credentials.length === 0) {
      throw new RouterError('token_missing', 'Missing Authorization Bearer token or x-api-key.');
    }
    for (const credential of credentials) {
      const record = this.#tokens.cached(credential);
      if (record) {
        exchange.facts.token = record;
        return;
      }
    }
    return this.#verify(exchange, credentials).then((record) => {
      exchange.facts.token = record;
    });
  }

  async #admin(exchange: Exchange): Promise<void> {
    const credentials = clientCredentials(exchange.headers, '');
    if (credentials.length === 0) throw new RouterError('admin_required', 'missing or invalid admin Bearer key');
    if (this.#isAdminKey(exchange, credentials)) return;
    const record = await this.#verify(exchange, credentials).catch((error: unknown) => {
      const refused = error instanceof RouterError && error.code === 'token_refused';
      throw refused ? new RouterError('admin_required', 'missing or invalid admin Bearer key') : error;
    });
    if (record.scope !== 'admin') throw new RouterError('admin_forbidden', 'This needs an admin token.');
    exchange.facts.token = record;
  }

  /** A person may have chosen the flat key: unlike a token it can be guessed, so it is not looked at past the limit of failures. */
  #isAdminKey(exchange: Exchange, credentials: readonly string[]): boolean {
    const key = this.#adminKey;
    if (!key || this.#options.failures.wait(this.#subscriber(exchange), performance.now()) > 0) return false;
    return credentials.some((credential) => timingSafeEqual(digest(credential), key));
  }

  /**
   * The record of the first good credential; a good one is good however many failures there were. One text for every cause:
   * which one it was is nobody's business.
   */
  async #verify(exchange: Exchange, credentials: readonly string[]): Promise<TokenRecord> {
    let revoked = false;
    for (const credential of credentials) {
      const verdict = await this.#tokens.verify(credential);
      if (verdict.kind === 'valid') return verdict.record;
      if (verdict.kind === 'revoked') revoked = true;
    }
    const wait = this.#options.failures.note(this.#subscriber(exchange), performance.now());
    if (wait > 0) {
      const retryAfter = Math.ceil(wait / 1_000);
      throw new RouterError('too_many_failures', 'Too many requests with a credential that is not valid here.', {
        retryAfter,
      });
    }
    throw new RouterError(revoked ? 'token_revoked' : 'token_refused', 'This token is not valid here.');
  }

  #subscriber(exchange: Exchange): string {
    return subscriberOf(this.#options.addresses.of(exchange.req, exchange.headers));
  }
}

/** A process on this machine that asks directly, not through a proxy, and not a browser that was tricked into it. */
function isLocal(exchange: Exchange): boolean {
  const { headers, req } = exchange;
  return (
    LOOPBACK.has(req.socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(headers.get('host') ?? '') &&
    !FORWARDED.some((name) => headers.get(name) !== undefined)
  );
}

/** Equal lengths for the comparison, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
