import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CliBed } from '../cli.ts';
import { ADMIN_KEY, OPERATOR_KEY } from '../router.ts';
import type { Cleanup } from '../temp.ts';
import type { Plan } from './main.ts';

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

type Distribute<T> = T extends unknown ? Omit<T, 'url' | 'headers'> : never;

/** Milliseconds after which a router is killed, whatever happens. */
const LIMIT_MS = 120_000;

/** A router process with the bench's upstream behind it, and loads in processes of their own. */
export interface BenchBed {
  readonly url: string;
  readonly token: string;
  /** Process id of the router. */
  readonly pid: number;
  load<Figures>(load: Distribute<Plan>): Promise<Figures>;
  /** Metrics by name with labels. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** Ends the router; its log lines, each a JSON text. */
  end(): Promise<string[]>;
}

/** Everything ends with the test. `env`: settings of the router. */
export async function openBenchBed(t: Cleanup, env: Readonly<Record<string, string>> = {}): Promise<BenchBed> {
  const upstream = start(t, [fileOf('upstream.ts')]);
  const port = (await firstLine(upstream)).trim();
  const bed = await CliBed.open(t);
  const settings = {
    ROUTER_PORT: '0',
    TOKEN_ADMIN_KEY: ADMIN_KEY,
    ANTHROPIC_API_KEY: OPERATOR_KEY,
    UPSTREAM_BASE_URL: `http://127.0.0.1:${port}`,
    ...env,
  };
  const router = bed.start(['serve'], settings, LIMIT_MS);
  const [, url = ''] = await router.line(/^Listening on (http:\/\/\S+)$/);
  const issued = await fetch(`${url}/api/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
    body: '{}',
  });
  const { token } = (await issued.json()) as { token: string };
  const target = {
    url: `${url}/v1/messages`,
    headers: { authorization: `Bearer ${token}`, 'anthropic-version': '2023-06-01' },
  };
  return {
    url,
    token,
    pid: router.pid,
    async load<Figures>(load: Distribute<Plan>) {
      const child = start(t, [fileOf('main.ts'), JSON.stringify({ ...load, ...target })]);
      return JSON.parse(await firstLine(child)) as Figures;
    },
    async end() {
      router.signal('SIGTERM');
      const { code, stderr } = await router.result;
      assert.equal(code, 0);
      return stderr.split('\n').filter((line) => line.startsWith('{'));
    },
    async metrics() {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
    },
  };
}

function start(t: Cleanup, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
  }
  return assert.fail(`${child.spawnargs.join(' ')} ended without a line`);
}
