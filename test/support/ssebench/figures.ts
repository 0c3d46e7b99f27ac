import { createHistogram } from 'node:perf_hooks';

/** Times in milliseconds. All 0 when nothing was measured. */
export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Collects times and gives their percentiles. */
export class Stopwatch {
  readonly #histogram = createHistogram({ figures: 3 });

  /** `micros`: microseconds. */
  record(micros: number): void {
    this.#histogram.record(Math.max(1, Math.round(micros)));
  }

  times(): Times {
    const of = (percentile: number) => this.#histogram.percentile(percentile) / 1000;
    const { count } = this.#histogram;
    if (count === 0) return { count, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    return { count, p50: of(50), p90: of(90), p99: of(99), p999: of(99.9), max: this.#histogram.max / 1000 };
  }
}
