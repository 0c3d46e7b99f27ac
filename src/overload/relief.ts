import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Strain } from './pressure.ts';

/** Milliseconds between two collections. */
const PAUSE_MS = 5_000;

/**
 * V8 collects when something is allocated, and a router that sheds for its heap hardly allocates: when the answers that filled the
 * heap are over, it would stay full of garbage and go on shedding. A collection is asked for then, and only then: while the
 * answers run it would find nothing and stop all of them, once half of them are gone it is short and frees much.
 */
export class Relief {
  readonly #collect: () => void;
  /** Answers under way when the strain began, or at the last collection; `undefined` without strain. */
  #from: number | undefined;
  #last = Number.NEGATIVE_INFINITY;

  constructor(collect: () => void = collectGarbage) {
    this.#collect = collect;
  }

  /** `streams`: answers under way. `now`: monotonic milliseconds. */
  look(strain: Strain | undefined, streams: number, now: number): void {
    if (strain !== 'heap') {
      this.#from = undefined;
      return;
    }
    this.#from = Math.max(this.#from ?? 0, streams);
    if (streams * 2 > this.#from || this.#from === 0 || now - this.#last < PAUSE_MS) return;
    this.#from = streams;
    this.#last = now;
    this.#collect();
  }
}

let gc: (() => void) | undefined;

function collectGarbage(): void {
  if (!gc) {
    // The function is there in contexts that are made after the flag.
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  gc();
}
