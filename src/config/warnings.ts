import type { Config } from './schema.ts';

/** Characters below which a flat key can be guessed. */
const SHORTEST_ADMIN_KEY = 24;

/** Settings that are allowed and that an operator should think about, as sentences. */
export function warningsOf(config: Config, env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  const warnings: string[] = [];
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    warnings.push(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored: certificates of upstreams are always checked; NODE_EXTRA_CA_CERTS adds an authority of your own',
    );
  }
  if (isOpenToNetwork(config.host)) {
    warnings.push(
      `the router listens on ${config.host} in plain HTTP: put a TLS proxy in front, or tokens can be read on the way`,
    );
    if (config.adminPort === undefined) {
      warnings.push(
        'the admin routes are reachable from the network; --admin-port (ADMIN_PORT) moves them to loopback',
      );
    }
  }
  if (config.adminKey !== undefined && config.adminKey.length < SHORTEST_ADMIN_KEY) {
    warnings.push(
      `--admin-key (TOKEN_ADMIN_KEY) is shorter than ${SHORTEST_ADMIN_KEY} characters and could be guessed`,
    );
  }
  if (config.storagePolicy === 'memory') warnings.push('tokens and usage are kept in memory and are lost at the end');
  if (config.allowInsecureUpstream)
    warnings.push('plain http upstreams are allowed: credentials may travel unencrypted');
  return warnings;
}

function isOpenToNetwork(host: string): boolean {
  return !/^(?:localhost|127\..*|::1)$/i.test(host);
}
