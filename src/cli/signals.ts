import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** By default Node opens its debugger at this one, on a port that every user of the machine can reach (S32). */
const DEBUG_SIGNAL = 'SIGUSR1';
const ignore = () => {};

/** A wait for the operator's wish to end. */
export interface Stop {
  /** Resolves at the first SIGTERM or SIGINT. */
  readonly requested: Promise<void>;
  /** Gives the signals back to Node. */
  dispose(): void;
}

/** From now on the first SIGTERM or SIGINT is a request to end, and a second one ends the process at once with 128 + n. */
export function listenForStop(): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    if (asked) process.exit(128 + constants.signals[signal]);
    asked = true;
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on(DEBUG_SIGNAL, ignore);
  return {
    requested: promise,
    dispose: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      process.off(DEBUG_SIGNAL, ignore);
    },
  };
}
