import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from './store.ts';

/** Milliseconds between two tries: the first ones are short, since a commit takes less than one. */
const PAUSES = [1, 1, 2, 2, 5, 5, 10];
const LONGEST_PAUSE = 20;

export interface Patience {
  /** How long a call is tried again. Milliseconds. */
  readonly limitMs: number;
  /** Whether a call failed for a lock, so that nothing was changed. */
  isBusy(error: unknown): boolean;
  /** A number from 0 to 1: processes that wait for each other must not wake up together. */
  random(): number;
}

/**
 * The same store, whose calls wait for locks of other processes. They wait between tries, not inside of one: a wait in SQLite's
 * busy handler would stop the event loop, and with it every stream. A call that failed has changed nothing, so it may be repeated.
 */
export function patient(store: Store, patience: Patience): Store {
  return {
    tokens: patientMethods(store.tokens, patience),
    usage: patientMethods(store.usage, patience),
    installation: patientMethods(store.installation, patience),
    changedElsewhere: () => persist(() => store.changedElsewhere(), patience),
    probe: () => persist(() => store.probe(), patience),
    close: () => store.close(),
  };
}

/** Repeats `action` while it fails for a lock. */
export async function persist<Result>(action: () => Promise<Result>, patience: Patience): Promise<Result> {
  let deadline: number | undefined;
  for (let tries = 0; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      if (!patience.isBusy(error)) throw error;
      deadline ??= performance.now() + patience.limitMs;
      if (performance.now() >= deadline) throw error;
    }
    await delay((PAUSES[tries] ?? LONGEST_PAUSE) * (0.5 + patience.random()));
  }
}

type AsyncMethods = Record<string, (...parameters: never[]) => Promise<unknown>>;

/** Every method of `target`, also those of its class. */
function patientMethods<Target extends object>(target: Target, patience: Patience): Target {
  return new Proxy(target, {
    get(from, name) {
      const method: unknown = Reflect.get(from, name, from);
      if (typeof method !== 'function') return method;
      return (...parameters: never[]) => persist(() => (from as AsyncMethods)[String(name)]!(...parameters), patience);
    },
  });
}
