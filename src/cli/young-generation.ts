import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Bytes of both halves of the young generation together, from which on it grows no more. */
const ENOUGH_BYTES = 4 * 1024 * 1024;

/**
 * Bounds the part of the heap where V8 puts new objects. Left alone it grows to 64 MB while modules load and while a burst of
 * requests runs, and is not given back; what a gateway makes lives no longer than a request, and a few megabytes hold that.
 * Does nothing when the operator has chosen a size (`--max-semi-space-size` in `NODE_OPTIONS` or on the command line).
 *
 * The size itself can only be given to Node before it starts; the factor by which it grows is read at each growth.
 */
export function boundYoungGeneration(): void {
  if (!isChosen()) setGrowth(1);
}

/** Lets the young generation grow to its bound: what is loaded is loaded, and requests come. */
export function growYoungGeneration(): void {
  if (isChosen()) return;
  setGrowth(2);
  const observer = new PerformanceObserver(() => {
    if (sizeOfYoungGeneration() < ENOUGH_BYTES) return;
    setGrowth(1);
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

function isChosen(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((option) => /semi[-_]space/.test(option));
}

function sizeOfYoungGeneration(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;
}

function setGrowth(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
