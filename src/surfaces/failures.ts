/** Addresses that are remembered; the one whose last failure is longest ago goes first. */
const MAX_ADDRESSES = 10_000;

export interface FailureLimits {
  /** Of one address: this many at once, and so many a minute. */
  readonly perMinute: number;
  /** Of all addresses together: this many at once, and so many a second. */
  readonly perSecond: number;
}

/**
 * One number per limit, the generic cell rate algorithm: the time at which everything until now would be paid for.
 * https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
interface Rate {
  /** Milliseconds that one failure takes to be forgotten. */
  readonly interval: number;
  /** Milliseconds of debt that are allowed before another failure. */
  readonly tolerance: number;
}

/** Counts failed sign-ins, by address and all together. Times are monotonic milliseconds. */
export class FailureLimit {
  readonly #each: Rate;
  readonly #all: Rate;
  readonly #debts = new Map<string, number>();
  #debt = 0;

  constructor(limits: FailureLimits) {
    this.#each = rate(limits.perMinute, 60_000);
    this.#all = rate(limits.perSecond, 1_000);
  }

  /** Milliseconds until `address` may fail again; 0 when it may now. */
  wait(address: string, now: number): number {
    const own = (this.#debts.get(address) ?? 0) - now - this.#each.tolerance;
    return Math.max(0, own, this.#debt - now - this.#all.tolerance);
  }

  /** Notes a failure, and says what `wait` said before it. What is over the limit is not noted: it would never end. */
  note(address: string, now: number): number {
    const wait = this.wait(address, now);
    if (wait > 0) return wait;
    const debt = Math.max(this.#debts.get(address) ?? 0, now) + this.#each.interval;
    this.#debts.delete(address);
    this.#debts.set(address, debt);
    this.#debt = Math.max(this.#debt, now) + this.#all.interval;
    const [oldest] = this.#debts.keys();
    if (this.#debts.size > MAX_ADDRESSES && oldest !== undefined) this.#debts.delete(oldest);
    return 0;
  }

  /** Addresses remembered now. */
  get size(): number {
    return this.#debts.size;
  }
}

function rate(count: number, per: number): Rate {
  const interval = per / count;
  // One failure less than `count`, and a little for the sums of fractions.
  return { interval, tolerance: (count - 1) * interval + interval / 1_000 };
}
