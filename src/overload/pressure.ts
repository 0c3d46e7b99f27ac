/** Why new work is refused for now. */
export type Strain = 'event_loop' | 'heap';

export interface PressureLimits {
  /** Smoothed delay of the event loop, in milliseconds. */
  readonly lagMs: number;
  /** Share of the heap that V8 may use, 0 to 1. */
  readonly heapShare: number;
}

/**
 * Weight of one sample in the smoothed delay. A single pause of up to four times the limit (a collection, a process that the
 * system did not run) is no overload; a few slow turns of the loop in a row are.
 */
const SAMPLE_WEIGHT = 1 / 4;
/** Work is taken again below this share of the limit of the event loop: without a gap it would flutter. */
const CALM_LAG = 1 / 2;
/** The same for the heap: what a collection frees is less sharp than a delay. */
const CALM_HEAP = 0.95;

/** Decides from samples whether new work may begin. Pure: what is measured comes in as arguments. */
export class Pressure {
  readonly #limits: PressureLimits;
  #lag = 0;
  #late = false;
  #full = false;

  constructor(limits: PressureLimits) {
    this.#limits = limits;
  }

  /** `ms`: how much later than planned the event loop came to a timer. */
  sampleLag(ms: number): void {
    this.#lag += (ms - this.#lag) * SAMPLE_WEIGHT;
    const { lagMs } = this.#limits;
    this.#late = this.#lag > (this.#late ? lagMs * CALM_LAG : lagMs);
  }

  /** `share` of the heap in use, 0 to 1. */
  sampleHeap(share: number): void {
    const { heapShare } = this.#limits;
    this.#full = share > (this.#full ? heapShare * CALM_HEAP : heapShare);
  }

  get strain(): Strain | undefined {
    if (this.#late) return 'event_loop';
    return this.#full ? 'heap' : undefined;
  }
}
