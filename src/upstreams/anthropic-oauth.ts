import type { Account } from '../accounts/account.ts';
import type { Transport } from './transport.ts';
import { DEFAULT_ANTHROPIC_VERSION, hasHeader, type Upstream } from './upstream.ts';

/** Without this beta the API refuses the OAuth tokens of Claude subscriptions. */
const OAUTH_BETA = 'oauth-2025-04-20';

/**
 * Anthropic by the OAuth token of a Claude subscription. The request stays what the client made it: the version and the
 * beta that the credential needs are added when they are missing, and nothing that would make it look like another client.
 */
export function anthropicOauth(name: string, transport: Transport, accounts: readonly Account[]): Upstream {
  return {
    name,
    dialect: 'anthropic',
    transport,
    accounts,
    authorize(headers, secret) {
      headers.push('authorization', `Bearer ${secret}`);
      if (!hasHeader(headers, 'anthropic-version')) headers.push('anthropic-version', DEFAULT_ANTHROPIC_VERSION);
      addOauthBeta(headers);
    },
  };
}

/** Merges with the client's betas: the API reads repeated headers as one list. */
function addOauthBeta(headers: string[]): void {
  let last = -1;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'anthropic-beta') continue;
    if (headers[i + 1]!.split(',').some((beta) => beta.trim() === OAUTH_BETA)) return;
    last = i + 1;
  }
  if (last < 0 || headers[last]!.trim() === '') headers.push('anthropic-beta', OAUTH_BETA);
  else headers[last] = `${headers[last]},${OAUTH_BETA}`;
}
