import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OPERATOR_KEY } from './router.ts';
import { type Cleanup, temporaryFolder } from './temp.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A router in a process of its own, of which the kernel tells memory and CPU time. */
export interface RouterProcess {
  readonly url: string;
  /** Of scope admin; it opens the model routes too. */
  readonly token: string;
  /** Resident memory now, in bytes. */
  rss(): number;
  /** Forgets the highest resident memory so far. */
  resetPeak(): void;
  /** Highest resident memory since the last reset, in bytes. */
  peak(): number;
  /** CPU time so far, in milliseconds, to 10 ms. */
  cpu(): number;
}

/** Starts it before an upstream, killed with the test. `prefix`: a program and arguments that start it. */
export async function startRouterProcess(
  t: Cleanup,
  env: Readonly<Record<string, string>>,
  prefix: readonly string[] = [],
): Promise<RouterProcess> {
  const home = await temporaryFolder(t);
  const [program, ...args] = [...prefix, process.execPath, MAIN, 'serve'];
  const child = spawn(program, args, {
    cwd: home,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      DATA_DIR: `${home}/data`,
      ROUTER_PORT: '0',
      ANTHROPIC_API_KEY: OPERATOR_KEY,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  let url = '';
  let token = '';
  for await (const line of createInterface({ input: child.stdout })) {
    token ||= /(la_sk_\S+)/.exec(line)?.[1] ?? '';
    url ||= /^Listening on (\S+)$/.exec(line)?.[1] ?? '';
    if (url !== '' && token !== '') break;
  }
  // What a failed test leaves behind must not keep its process.
  child.unref();
  child.stdout.destroy();
  process.once('exit', () => child.kill('SIGKILL'));
  const { pid } = child;
  const status = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
  return {
    url,
    token,
    rss: () => status('VmRSS'),
    peak: () => status('VmHWM'),
    // https://docs.kernel.org/filesystems/proc.html: 5 resets the peak.
    resetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
    cpu: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
  };
}
