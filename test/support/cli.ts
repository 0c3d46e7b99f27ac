import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from './temp.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Milliseconds after which a process that does not end by itself is killed. */
const LIMIT_MS = 30_000;

export interface CliResult {
  /** `null` when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

/** The real command line in an environment of its own: empty home, working directory and variables. */
export class CliBed {
  readonly home: string;
  readonly cwd: string;
  /** Not made yet. */
  readonly dataDir: string;
  readonly #root: string;
  readonly #running = new Set<RunningCli>();

  private constructor(root: string) {
    this.#root = root;
    this.home = join(root, 'home');
    this.cwd = join(root, 'work');
    this.dataDir = join(root, 'data');
  }

  static async open(t: Cleanup): Promise<CliBed> {
    const bed = new CliBed(await mkdtemp(join(tmpdir(), 'router-cli-')));
    t.after(() => bed.#close());
    await mkdir(bed.home);
    await mkdir(bed.cwd);
    return bed;
  }

  /** Runs one command to its end. */
  async run(args: readonly string[], env: Environment = {}): Promise<CliResult> {
    return this.start(args, env).result;
  }

  /** Starts a command that stays. It is killed at the end of the test, or after `limitMs` milliseconds. */
  start(args: readonly string[], env: Environment = {}, limitMs = LIMIT_MS): RunningCli {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.cwd,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: this.home,
        DATA_DIR: this.dataDir,
        // A machine that runs other tests beside this one is no overload of the router.
        EVENT_LOOP_LAG_LIMIT_MS: '60000',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    const running = new RunningCli(child);
    this.#running.add(running);
    return running;
  }

  async #close(): Promise<void> {
    for (const running of this.#running) {
      running.signal('SIGKILL');
      await running.result;
    }
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** A command that is under way. */
export class RunningCli {
  readonly result: Promise<CliResult>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #onLine: () => void = () => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    const { stdout, stderr } = child;
    if (!stdout || !stderr) throw new TypeError('a child without pipes');
    createInterface({ input: stdout })
      .on('line', (line) => {
        this.#lines.push(line);
        this.#onLine();
      })
      .on('close', () => this.#onLine());
    this.result = Promise.all([once(child, 'close'), text(stdout), text(stderr)]).then(([, out, err]) => ({
      code: child.exitCode,
      stdout: out,
      stderr: err,
    }));
  }

  /** Waits for a line on stdout, and returns the match. Rejects when the process ends without it. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.#lines) {
        const match = pattern.exec(line);
        if (match) return match;
      }
      const more = new Promise<'more'>((resolve) => {
        this.#onLine = () => resolve('more');
      });
      const next = await Promise.race([more, this.result]);
      if (next === 'more') continue;
      if (this.#lines.some((line) => pattern.test(line))) continue;
      throw new Error(`ended with ${next.code} and without ${pattern}\n${next.stdout}${next.stderr}`);
    }
  }

  /** Of the running process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}
