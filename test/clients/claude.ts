import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { type Cleanup, temporaryFolder } from '../support/temp.ts';
import { installClients } from './install.ts';

/** After this the client is killed: `claude -p` against a local upstream takes about a second. */
const RUN_TIMEOUT_MS = 60_000;

export interface ClaudeRun {
  /** `null`: it was killed. */
  readonly exitCode: number | null;
  /** Standard output and standard error. */
  readonly output: string;
  readonly durationMs: number;
  /** Its home folder, which is also where it worked. */
  readonly home: string;
}

/**
 * Runs `claude -p` once, allowed to use Bash, with a home folder of its own and nothing of this process's environment but
 * `PATH`. `env` is what a user would set.
 */
export async function runClaude(t: Cleanup, baseUrl: string, env: Record<string, string>): Promise<ClaudeRun> {
  const { claude } = await installClients();
  const home = await temporaryFolder(t);
  const started = performance.now();
  const child = spawn(claude, ['-p', 'Say something.', '--allowedTools', 'Bash'], {
    cwd: home,
    env: { ...QUIET, PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: baseUrl, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, output: out + err, durationMs: performance.now() - started, home };
}

/** Keeps Claude Code from talking to anybody but the base URL: what it wants elsewhere meets a closed port. */
const QUIET = {
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1',
};
