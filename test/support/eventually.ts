import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until `done` says so of the value. Throws with the last value after `limitMs` milliseconds. */
export async function eventually<Value>(
  ask: () => Value | Promise<Value>,
  done: (value: Value) => boolean,
  limitMs = 5_000,
): Promise<Value> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await ask();
    if (done(value)) return value;
    if (performance.now() > end) throw new Error(`not after ${limitMs} ms: ${JSON.stringify(value)}`);
    await sleep(20);
  }
}
