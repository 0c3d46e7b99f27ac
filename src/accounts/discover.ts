import type { Config } from '../config/schema.ts';
import { type Account, fixedCredential } from './account.ts';
import { CredentialFile } from './credential-file.ts';

/** The operator's accounts for one Anthropic endpoint, by the kind of their credential. */
export interface DiscoveredAccounts {
  readonly apiKeys: readonly Account[];
  /** Credentials of subscriptions. They are for their owner: an API key is taken first where there is one. */
  readonly subscriptions: readonly Account[];
}

/**
 * Finds the credentials that the settings name. A folder of Claude Code without any credential file is
 * an account with a problem, so that signing in later needs no restart.
 */
export function discoverAccounts(config: Config): DiscoveredAccounts {
  const apiKeys: Account[] = [];
  const subscriptions: Account[] = [];
  if (config.anthropicApiKey) apiKeys.push({ name: 'api-key', credential: fixedCredential(config.anthropicApiKey) });
  if (config.claudeCodeOauthToken) {
    subscriptions.push({ name: 'oauth-token', credential: fixedCredential(config.claudeCodeOauthToken) });
  }
  subscriptions.push({ name: 'primary', credential: new CredentialFile(config.claudeCodeHome) });
  return { apiKeys, subscriptions };
}
