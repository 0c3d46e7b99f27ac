/** One thing to fuzz: what it is fed, and the laws that must hold for every input. */
export interface Target {
  readonly name: string;
  /** Source files below `src/` whose newly reached branches make an input worth keeping. */
  readonly modules: readonly string[];
  /** Where mutation starts. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Pieces that mutation puts in. */
  readonly words: readonly string[];
  /** Throws, or rejects, when a law is broken. The same input always gets the same verdict. */
  check(input: Buffer): void | Promise<void>;
}

/** Reproducible numbers: mulberry32 (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}

/** The input in pieces, some of them empty, cut in a way that depends on nothing but the input. */
export function* pieces(input: Buffer): Generator<Buffer> {
  let sum = input.length;
  for (const byte of input) sum = (Math.imul(sum, 31) + byte) | 0;
  const random = new Random(sum);
  const longest = random.pick([2, 8, 64, 1024]);
  for (let start = 0; start < input.length; ) {
    const end = start + random.below(longest + 1);
    yield input.subarray(start, end);
    start = end;
  }
}
