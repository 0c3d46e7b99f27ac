import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { ADMIN_KEY, OPERATOR_KEY } from './router.ts';
import type { Cleanup } from './temp.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** A process that has not started by then never will. Milliseconds. */
const START_MS = 120_000;

export interface ChaosOptions {
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of Node, before the program. */
  readonly node?: readonly string[];
}

/** A folder for the processes of one test. Whatever still runs at the end of the test is killed, by its id. */
export class ChaosBed {
  readonly root: string;
  readonly dataDir: string;
  /** Folder of the credential file of Claude Code. */
  readonly claudeHome: string;
  readonly #upstream: string;
  readonly #processes = new Set<RouterProcess>();

  /** `upstream` is a base URL. */
  constructor(t: Cleanup, upstream: string) {
    this.root = mkdtempSync(join(tmpdir(), 'router-chaos-'));
    this.dataDir = join(this.root, 'data');
    this.claudeHome = join(this.root, 'claude');
    mkdirSync(this.claudeHome);
    this.#upstream = upstream;
    t.after(async () => {
      await Promise.all(Array.from(this.#processes, (process) => process.kill()));
      rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  /** Starts the real program on the folder, and waits until it listens. Rejects when it ends before. */
  async start(options: ChaosOptions = {}): Promise<RouterProcess> {
    const running = this.spawn(options);
    await running.listening;
    return running;
  }

  /** Starts without waiting. */
  spawn({ port = 0, env = {}, node = [] }: ChaosOptions = {}): RouterProcess {
    const child = spawn(process.execPath, [...node, MAIN, 'serve'], {
      cwd: this.root,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.root,
        DATA_DIR: this.dataDir,
        CLAUDE_CODE_HOME: this.claudeHome,
        ROUTER_PORT: String(port),
        TOKEN_ADMIN_KEY: ADMIN_KEY,
        ANTHROPIC_API_KEY: OPERATOR_KEY,
        UPSTREAM_BASE_URL: this.#upstream,
        // Starts take a fraction of a second less, and a test may need a hundred.
        NODE_COMPILE_CACHE: join(tmpdir(), 'router-chaos-compile-cache'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new RouterProcess(child);
    this.#processes.add(running);
    void running.ended.then(() => this.#processes.delete(running));
    return running;
  }

  /** The database, read-only unless `write` is set. Closed with the test. */
  database(t: Cleanup, write = false): DatabaseSync {
    const database = new DatabaseSync(join(this.dataDir, 'core.db'), { readOnly: !write, timeout: 5_000 });
    t.after(() => {
      if (database.isOpen) database.close();
    });
    return database;
  }
}

/** How a process ended. */
export interface Ending {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** `performance.now()` of it. */
  readonly at: number;
}

/** One router process. */
export class RouterProcess {
  readonly startedAt = performance.now();
  /** `http://host:port`, once it listens. Rejects when it ends before. */
  readonly listening: Promise<string>;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  #url: string | undefined;
  #stdout = '';
  #stderr = '';
  #startMs = Number.NaN;

  constructor(child: ChildProcess) {
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.listening = promise;
    promise.catch(() => {});
    const timer = setTimeout(() => reject(new Error(`does not listen: ${this.output}`)), START_MS).unref();
    child.stdout!.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
      if (this.#url !== undefined) return;
      this.#url = /^Listening on (\S+)$/m.exec(this.#stdout)?.[1];
      if (this.#url === undefined) return;
      this.#startMs = performance.now() - this.startedAt - waitedMs(this.pid);
      resolve(this.#url);
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.ended = once(child, 'close').then(() => {
      clearTimeout(timer);
      reject(new Error(`ended with ${child.exitCode ?? child.signalCode}: ${this.output}`));
      return { code: child.exitCode, signal: child.signalCode, at: performance.now() };
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get url(): string {
    if (this.#url === undefined) throw new Error('does not listen');
    return this.#url;
  }

  /** From the start until it listened, less the time in which another program had the processor. Milliseconds. */
  get startMs(): number {
    return this.#startMs;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Everything that it has written. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  /** Closes this side of its standard output and error: what it writes from now on fails. */
  deafen(): void {
    this.#child.stdout!.destroy();
    this.#child.stderr!.destroy();
  }

  /** SIGTERM, SIGKILL, SIGSTOP, SIGCONT … to this process alone. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<Ending> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  /** A call of the admin surface. Rejects when no whole answer came. */
  async admin(path: string, body?: object): Promise<{ status: number; json: Record<string, unknown> }> {
    const answer = await fetch(this.url + path, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${ADMIN_KEY}`, connection: 'close' },
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  /** A new client token. Rejects when it is not acknowledged. */
  async issue(label = 'test', ttlHours = 1): Promise<{ id: string; token: string }> {
    const { status, json } = await this.admin('/api/tokens', { label, ttl_hours: ttlHours });
    if (status !== 200) throw new Error(`no token: ${status} ${JSON.stringify(json)}`);
    return { id: String(json['id']), token: String(json['token']) };
  }

  /** The value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }
}

/** How long the main thread of a process was ready to run and had no processor: the second figure, in nanoseconds. Milliseconds. */
export function waitedMs(pid: number | 'self'): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}
