/** What one answer used, in tokens: non-negative integers up to 2^53-1. The classes do not overlap, except as said. */
export interface Usage {
  /** Input that was neither written to a prompt cache nor read from one. */
  readonly input: number;
  readonly output: number;
  /** Input written to the prompt cache, all lifetimes together. */
  readonly cacheWrite: number;
  /** Those of `cacheWrite` that live for an hour. */
  readonly cacheWrite1h: number;
  /** Input read from the prompt cache. */
  readonly cacheRead: number;
}

/** What the router knows of an answer's usage after reading it, or as much of it as came. */
export interface UsageReading {
  /** The largest valid figures so far. */
  readonly usage: Usage;
  /**
   * Figures that were not reported, or last reported with a value that cannot be true. What `usage` says of them is a lower
   * bound, and an estimate may go above it.
   */
  readonly doubtful: ReadonlySet<keyof Usage>;
  /** Nothing is doubtful: the figures are the provider's last word, also where they are 0 (R10). */
  readonly complete: boolean;
  /** The answer was, or ended in, an error of this type. */
  readonly error?: { readonly type: string };
}

/** The usage of an answer that generated nothing. */
export function emptyUsage(): Usage {
  return { input: 0, output: 0, cacheWrite: 0, cacheWrite1h: 0, cacheRead: 0 };
}

/** Before anything was read. Not every provider has a prompt cache to report of: only input and output are missed. */
export function emptyReading(): UsageReading {
  return { usage: emptyUsage(), doubtful: new Set(['input', 'output']), complete: false };
}

/** Whether `value` may be booked as a number of tokens. */
export function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
