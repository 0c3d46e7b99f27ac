import { setTimeout as sleep } from 'node:timers/promises';
import { RouterError } from './errors.ts';
import type { Listener } from './http/server.ts';
import type { Logger } from './log/log.ts';
import type { Relay } from './proxy/relay.ts';
import type { Roster } from './roster.ts';

/** How long cut answers may take to leave, after the drain limit. Milliseconds. */
const LAST_WORDS_MS = 1_000;
/** How often connections whose answer has ended are looked for. Milliseconds. */
const SWEEP_MS = 100;
/** Who asked for readiness within this time will ask again. Milliseconds. */
const WATCHED_MS = 60_000;

export interface DrainOptions {
  readonly listeners: readonly Listener[];
  readonly running: Roster<Relay>;
  readonly log: Logger;
  /** How long connections are still taken. Milliseconds. */
  readonly delayMs: number;
  /** How long running answers may go on, the delay included. Milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Whether something outside is known to look at the readiness, so that it is worth waiting until it has looked again. Nobody does at
 * a terminal, and Ctrl-C is to end at once there. `askedAt` and `now` in monotonic milliseconds.
 */
export function isWatched(askedAt: number | undefined, now: number): boolean {
  return askedAt !== undefined && now - askedAt < WATCHED_MS;
}

/**
 * The graceful end, once readiness says 503 and answers say `connection: close`. First goes on taking connections: a listener that
 * closes resets those that wait in the kernel, so whoever sends traffic has to stop before. Then takes no more, lets running answers
 * end, and ends those that are too late with an error event.
 */
export async function drain({ listeners, running, log, ...options }: DrainOptions): Promise<void> {
  const { timeoutMs } = options;
  const delayMs = Math.min(options.delayMs, timeoutMs);
  log.info({ running: running.size, delayMs, timeoutMs }, 'draining');
  if (delayMs > 0) await sleep(delayMs);

  const closed = Promise.all(listeners.map((listener) => listener.close()));
  const closeIdle = () => {
    for (const { server } of listeners) server.closeIdleConnections();
  };
  closeIdle();
  const sweep = setInterval(closeIdle, SWEEP_MS);
  await within(timeoutMs - delayMs, closed);
  if (running.size > 0) log.warn({ running: running.size }, 'answers cut at the drain limit');
  for (const relay of running.members()) {
    relay.end(new RouterError('shutting_down', 'The router is being restarted.'), 'shutdown');
  }
  await within(LAST_WORDS_MS, closed);
  clearInterval(sweep);
}

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((done) => {
    timer = setTimeout(done, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
