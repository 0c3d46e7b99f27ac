import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { heapShare, oldGenerationLimit } from './heap.ts';
import type { Pressure } from './pressure.ts';

/** Milliseconds between two looks at the event loop. */
const TICK_MS = 20;
/** Looks at the event loop per look at the heap, which costs a few microseconds. */
const TICKS_PER_HEAP = 10;

/** Measures the delay of the event loop and the heap of this process, and tells them to a `Pressure`. */
export class Sampler {
  readonly #pressure: Pressure;
  readonly #onHeap: (now: number) => void;
  /** Microseconds. */
  readonly #lags: RecordableHistogram = createHistogram();
  readonly #timer: NodeJS.Timeout;
  readonly #oldLimit = oldGenerationLimit();
  #last = performance.now();
  #ticks = 0;

  /** `onHeap` is called after each look at the heap, with monotonic milliseconds. */
  constructor(pressure: Pressure, onHeap: (now: number) => void) {
    this.#pressure = pressure;
    this.#onHeap = onHeap;
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** A quantile (0 to 100] of the delays since `forget`, in seconds. */
  lag(quantile: number): number {
    return this.#lags.count === 0 ? 0 : this.#lags.percentile(quantile) / 1e6;
  }

  forget(): void {
    this.#lags.reset();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const lag = Math.max(0, now - this.#last - TICK_MS);
    this.#last = now;
    this.#lags.record(Math.max(1, Math.round(lag * 1000)));
    this.#pressure.sampleLag(lag);
    this.#ticks += 1;
    if (this.#ticks % TICKS_PER_HEAP !== 0) return;
    this.#pressure.sampleHeap(heapShare(this.#oldLimit));
    this.#onHeap(now);
  }
}
