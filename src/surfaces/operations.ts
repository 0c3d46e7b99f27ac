import type { Pool } from '../accounts/pool.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Access, Route } from '../http/routes.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Store } from '../store/store.ts';
import type { Upstream } from '../upstreams/upstream.ts';

const TEXT = 'text/plain; charset=utf-8';
/** Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

export interface HealthDeps {
  readonly store: Store;
  isDraining(): boolean;
  /** Somebody, like a load balancer, asks whether the router is ready. */
  onReadinessAsked(): void;
}

/** What tells others that the router is alive. Says nothing about versions or accounts (S34). */
export function healthSurface(deps: HealthDeps): Route[] {
  const open = { access: 'open' } as const;
  return [
    { ...open, method: 'GET', path: '/health', name: 'health', handle: alive },
    { ...open, method: 'HEAD', path: '/health', name: 'health', handle: alive },
    { ...open, method: 'GET', path: '/livez', name: 'livez', handle: alive },
    {
      ...open,
      method: 'GET',
      path: '/readyz',
      name: 'readyz',
      async handle(exchange) {
        deps.onReadinessAsked();
        const ready = !deps.isDraining() && (await isWritable(deps.store));
        exchange.send(ready ? 200 : 503, TEXT, ready ? 'ok' : 'not ready');
      },
    },
    // Claude Code asks these before its first request (CL3).
    { ...open, method: 'HEAD', path: '/', name: 'probe', handle: alive },
    { ...open, method: 'HEAD', path: '/api/hello', name: 'probe', handle: alive },
  ];
}

function alive(exchange: Exchange): void {
  exchange.send(200, TEXT, 'ok');
}

async function isWritable(store: Store): Promise<boolean> {
  try {
    await store.probe();
    return true;
  } catch {
    return false;
  }
}

export interface MetricsDeps {
  readonly metrics: Metrics;
  readonly store: Store;
  readonly pool: Pool<Upstream>;
}

/** Figures for the operator. */
export function metricsSurface({ metrics, store, pool }: MetricsDeps): Route[] {
  return [
    get('/metrics', 'metrics', 'monitor', async (exchange) => {
      exchange.send(200, PROMETHEUS, await metrics.text());
    }),
    // `?token=ID` asks for the sums of one token.
    get('/v1/usage', 'usage', 'admin', async (exchange) => {
      const token = new URLSearchParams(exchange.query).get('token');
      exchange.sendJson(
        200,
        token === null ? await metrics.summary() : { token, ...(await store.usage.totals(token)) },
      );
    }),
    get('/v1/accounts', 'accounts', 'admin', async (exchange) => {
      const { account_calls: calls } = await metrics.summary();
      const accounts = Array.from(pool.accounts(), ({ upstream, account }) => ({
        name: account.name,
        upstream: upstream.name,
        healthy: account.credential.current() !== undefined,
        used: calls[account.name] ?? 0,
        // The whole story names files, which are the operator's business: `accounts list` and `doctor` tell it.
        last_error: account.credential.problem() === undefined ? null : 'its credential cannot be read',
        cooldown_remaining_seconds: null,
      }));
      exchange.sendJson(200, { accounts });
    }),
  ];
}

function get(path: string, name: string, access: Access, handle: Route['handle']): Route {
  return { method: 'GET', path, name, access, handle };
}
