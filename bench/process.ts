import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** What is measured has a core of its own; whatever makes the load shares the other one. */
export const SUBJECT_CORE = 0;
export const LOAD_CORE = 1;

/** Of util-linux; replaces itself by the command, so that the child's id is that of the command. */
const PINNED = 'taskset';
/** Milliseconds that a child has to end after SIGTERM. */
const STOP_MS = 3_000;
const TAIL_CHARACTERS = 500;

const running = new Set<ChildProcess>();

/** Starts a command on one core. Its standard output is a pipe, its errors are shown, unless `options` say otherwise. */
export function startOn(core: number, command: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(PINNED, ['-c', String(core), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Waits for output that matches. Rejects when the child ends without it, or after `limitMs`. */
export function waitFor(child: ChildProcess, pattern: RegExp, limitMs: number): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (reason: string) => {
      clearTimeout(timer);
      reject(
        new Error(`${child.spawnargs.join(' ').slice(0, TAIL_CHARACTERS)}\n${reason}, without ${pattern}: ${text}`),
      );
    };
    const timer = setTimeout(() => fail(`said nothing for ${limitMs} ms`), limitMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text);
      text = text.slice(-TAIL_CHARACTERS);
      if (!found) return;
      clearTimeout(timer);
      resolve(found);
    });
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
    child.once('error', (error) => fail(error.message));
  });
}

/** Ends a child, and waits for its end. */
export async function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** Ends all children. */
export async function stopAll(): Promise<void> {
  await Promise.all(Array.from(running, stop));
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot take a free one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
