import type { Cleanup } from './temp.ts';

const TICK_MS = 5;
/** What a tick counts for at most: a loop that is merely busy is not much later than that. */
const MAX_TICK_MS = 25;

/**
 * A clock that stands still while this process is not scheduled, so that a machine that is busy with something else does not make a
 * fault late. Waiting counts; computing for long does not, which is what `Traffic.cpu` is for.
 */
export class FairClock {
  #now = 0;
  #last = performance.now();

  constructor(t: Cleanup) {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    t.after(() => clearInterval(timer));
  }

  /** Milliseconds since the start. */
  now(): number {
    this.#tick();
    return this.#now;
  }

  #tick(): void {
    const now = performance.now();
    this.#now += Math.min(now - this.#last, MAX_TICK_MS);
    this.#last = now;
  }
}
