import type { Target } from './target.ts';

/** CPU time of this thread that one input may take. The time on the clock says more of the machine than of the router. */
const STALL_MS = 100;
/** The first inputs pay for the compiler, and any input may pay for a collection: a stall has to come back. */
const TRIES = 3;

/** What is wrong with an input: the law that it breaks, or the time that it takes, every time. `undefined` when nothing is. */
export async function verdict(target: Target, input: Buffer): Promise<unknown> {
  let quickest = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && quickest > STALL_MS; tries += 1) {
    const before = process.threadCpuUsage();
    try {
      await target.check(Buffer.from(input));
    } catch (error) {
      return error;
    }
    const { user, system } = process.threadCpuUsage(before);
    quickest = Math.min(quickest, (user + system) / 1000);
  }
  return quickest > STALL_MS ? new Error(`a stall of ${quickest} ms of CPU time`) : undefined;
}
