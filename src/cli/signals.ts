import { constants } from 'node:os';
import { EXIT_FAILED } from './failure.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** By default Node opens its debugger at this one, on a port that every user of the machine can reach (S32). */
const DEBUG_SIGNAL = 'SIGUSR1';
const ignore = () => {};

/** A wait for the end. */
export interface Stop {
  /** Resolves at the first SIGTERM or SIGINT, or at `request`. */
  readonly requested: Promise<void>;
  /** Asks for the end from inside. */
  request(): void;
  /** Gives the signals back to Node. */
  dispose(): void;
}

/** From now on the first SIGTERM or SIGINT is a request to end, and a second one ends the process at once with 128 + n. */
export function listenForStop(): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    if (asked) endNow(128 + constants.signals[signal]);
    asked = true;
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on(DEBUG_SIGNAL, ignore);
  return {
    requested: promise,
    request: resolve,
    dispose: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      process.off(DEBUG_SIGNAL, ignore);
    },
  };
}

/**
 * Ends the process. A handler of `exit` that throws, like the log's when nobody reads it any more, would keep it alive; the second
 * call runs no handlers.
 */
export function endNow(exitCode: number): void {
  try {
    process.exit(exitCode);
  } catch {
    process.exit(exitCode);
  }
}

/**
 * The last resort: an error that nobody caught goes to `report`, the process ends as gracefully as it still can, and exits 1 so that
 * a supervisor starts it anew. What such an error left half done is not known, so going on is no choice. Returns what takes it back.
 */
export function listenForCrash(stop: Stop, report: (error: unknown) => void): () => void {
  const onCrash = (error: unknown) => {
    process.exitCode = EXIT_FAILED;
    try {
      report(error);
    } catch {
      // Whatever is wrong with the log must not keep the process alive.
    }
    stop.request();
  };
  process.on('uncaughtException', onCrash);
  return () => void process.off('uncaughtException', onCrash);
}
