import { RouterError } from '../errors.ts';
import type { Account } from './account.ts';

/** An account together with where it is used. */
export interface Candidate<Upstream> {
  readonly upstream: Upstream;
  readonly account: Account;
  readonly secret: string;
}

const HOW_TO_ADD =
  'Its operator can set ANTHROPIC_API_KEY, or sign in with Claude Code on the machine of the router (CLAUDE_CODE_HOME); ' +
  '`link-assistant-router doctor` tells more.';

/** Chooses the account of a request: the first one with a credential, in the order of the upstreams. */
export class Pool<Upstream extends { readonly accounts: readonly Account[] }> {
  readonly #upstreams: readonly Upstream[];

  constructor(upstreams: readonly Upstream[]) {
    this.#upstreams = upstreams;
  }

  /**
   * The account to use. `pin` is the one account that the caller's token may use; it is never exchanged for another.
   * Throws `account_missing` when there is none at all, `account_unavailable` when the pinned one cannot be used.
   */
  select(pin: string | null): Candidate<Upstream> {
    for (const upstream of this.#upstreams) {
      for (const account of upstream.accounts) {
        if (pin !== null && account.name !== pin) continue;
        const secret = account.credential.current();
        if (secret !== undefined) return { upstream, account, secret };
      }
    }
    if (pin !== null) {
      throw new RouterError('account_unavailable', `The account "${pin}" of this token has no usable credential.`, {
        retryAfter: 30,
      });
    }
    throw new RouterError('account_missing', `The router has no upstream credential. ${HOW_TO_ADD}`);
  }

  *accounts(): Generator<{ upstream: Upstream; account: Account }> {
    for (const upstream of this.#upstreams) for (const account of upstream.accounts) yield { upstream, account };
  }

  close(): void {
    for (const { account } of this.accounts()) account.credential.close();
  }
}
