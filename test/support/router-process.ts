import { readdirSync, readFileSync } from 'node:fs';
import type { UsageTotals } from '../../src/store/store.ts';
import { CliBed, type RunningCli } from './cli.ts';
import { OPERATOR_KEY } from './router.ts';
import type { Cleanup } from './temp.ts';

/** Milliseconds. A busy machine needs more than half a minute for the larger loads. */
const LIFE_MS = 120_000;

/** The real router in a process of its own, on a free port. It is killed at the end of the test. */
export interface RouterProcess {
  readonly url: string;
  readonly running: RunningCli;
  /** A fresh client token. */
  issue(): Promise<{ readonly token: string; readonly id: string }>;
  /** What is booked for a token. */
  usageOf(id: string): Promise<UsageTotals>;
  /** Resident memory in MB. */
  rss(): number;
  /** Open file descriptors. */
  descriptors(): number;
}

/** Starts one against `upstream`, or against the simulator. `env` holds more settings. */
export async function startRouterProcess(
  t: Cleanup,
  upstream: string | undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<RouterProcess> {
  const bed = await CliBed.open(t);
  const target =
    upstream === undefined
      ? { UPSTREAM_PROVIDER: 'simulator' }
      : { UPSTREAM_BASE_URL: upstream, ANTHROPIC_API_KEY: OPERATOR_KEY };
  const running = bed.start(['serve'], { ROUTER_PORT: '0', STORAGE_POLICY: 'memory', ...target, ...env }, LIFE_MS);
  const [, admin = ''] = await running.line(/^Admin token \(shown once, store it now\): (la_sk_\S+)$/);
  const [, url = ''] = await running.line(/^Listening on (http:\/\/\S+)$/);
  const headers = { authorization: `Bearer ${admin}` };
  return {
    url,
    running,
    async issue() {
      const answer = await fetch(`${url}/api/tokens`, { method: 'POST', headers, body: '{}' });
      return (await answer.json()) as { token: string; id: string };
    },
    async usageOf(id) {
      const answer = await fetch(`${url}/v1/usage?token=${id}`, { headers });
      return (await answer.json()) as UsageTotals;
    },
    rss: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1]) / 1024,
    descriptors: () => readdirSync(`/proc/${running.pid}/fd`).length,
  };
}
