import { createHash, timingSafeEqual } from 'node:crypto';
import { RouterError } from '../errors.ts';
import { clientCredentials } from '../http/credentials.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Access } from '../http/routes.ts';
import type { TokenRecord } from '../store/store.ts';
import type { TokenService } from '../tokens/service.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
/** A web page can make a browser on this machine ask loopback under a name of its own (DNS rebinding). */
const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

/** Decides who may use a route. `adminKey` is the flat key of the configuration. */
export class AccessControl {
  readonly #tokens: TokenService;
  readonly #adminKey: Buffer | undefined;

  constructor(tokens: TokenService, adminKey: string | undefined) {
    this.#tokens = tokens;
    this.#adminKey = adminKey === undefined ? undefined : digest(adminKey);
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
    return this.#verify(credentials).then((record) => {
      exchange.facts.token = record;
    });
  }

  async #admin(exchange: Exchange): Promise<void> {
    const credentials = clientCredentials(exchange.headers, '');
    if (credentials.length === 0) throw new RouterError('admin_required', 'missing or invalid admin Bearer key');
    const key = this.#adminKey;
    if (key && credentials.some((credential) => timingSafeEqual(digest(credential), key))) return;
    let record: TokenRecord;
    try {
      record = await this.#verify(credentials);
    } catch (error) {
      const refused = error instanceof RouterError && error.code === 'token_refused';
      throw refused ? new RouterError('admin_required', 'missing or invalid admin Bearer key') : error;
    }
    if (record.scope !== 'admin') throw new RouterError('admin_forbidden', 'This needs an admin token.');
    exchange.facts.token = record;
  }

  /** The record of the first good credential. One text for every cause: which one it was is nobody's business. */
  async #verify(credentials: readonly string[]): Promise<TokenRecord> {
    let revoked = false;
    for (const credential of credentials) {
      const verdict = await this.#tokens.verify(credential);
      if (verdict.kind === 'valid') return verdict.record;
      if (verdict.kind === 'revoked') revoked = true;
    }
    throw new RouterError(revoked ? 'token_revoked' : 'token_refused', 'This token is not valid here.');
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
