import type { Account } from '../accounts/account.ts';
import type { Transport } from './transport.ts';
import { DEFAULT_ANTHROPIC_VERSION, hasHeader, type Upstream } from './upstream.ts';

/** Anthropic by API key: https://docs.claude.com/en/api/overview#authentication */
export function anthropicKey(name: string, transport: Transport, accounts: readonly Account[]): Upstream {
  return {
    name,
    dialect: 'anthropic',
    transport,
    accounts,
    authorize(headers, secret) {
      headers.push('x-api-key', secret);
      if (!hasHeader(headers, 'anthropic-version')) headers.push('anthropic-version', DEFAULT_ANTHROPIC_VERSION);
    },
  };
}
