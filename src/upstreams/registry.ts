import { randomBytes } from 'node:crypto';
import { fixedCredential } from '../accounts/account.ts';
import { discoverAccounts } from '../accounts/discover.ts';
import type { Config } from '../config/schema.ts';
import { anthropicKey } from './anthropic-key.ts';
import { anthropicOauth } from './anthropic-oauth.ts';
import { startSimulator } from './simulator.ts';
import { Transport } from './transport.ts';
import type { Upstream } from './upstream.ts';

/** The upstreams of a router, in the order in which they are tried. */
export interface Registry {
  readonly upstreams: readonly [Upstream, ...Upstream[]];
  close(): Promise<void>;
}

/** Builds what the settings name. An API key is tried before a subscription, which is for its owner. */
export async function openUpstreams(config: Config): Promise<Registry> {
  if (config.upstreamProvider === 'simulator') return simulatorOnly(config);
  const transport = transportTo(config.upstreamBaseUrl, config);
  const { apiKeys, subscriptions } = discoverAccounts(config);
  return {
    upstreams: [
      anthropicKey('anthropic', transport, apiKeys),
      anthropicOauth('claude-subscription', transport, subscriptions),
    ],
    close: () => transport.close(),
  };
}

async function simulatorOnly(config: Config): Promise<Registry> {
  const credential = randomBytes(32).toString('base64url');
  const simulator = await startSimulator({ credential });
  const transport = transportTo(simulator.url, config);
  const account = { name: 'simulator', credential: fixedCredential(credential) };
  return {
    upstreams: [anthropicKey('simulator', transport, [account])],
    async close() {
      await transport.close();
      await simulator.close();
    },
  };
}

function transportTo(baseUrl: string, config: Config): Transport {
  return new Transport({ baseUrl, connectTimeoutMs: config.connectTimeoutMs });
}
