import type { Coverage } from './coverage.ts';
import { mutate, shrink } from './mutate.ts';
import { loadSeeds } from './seeds.ts';
import { Random, type Target } from './target.ts';
import { verdict } from './verdict.ts';
import type { Watchdog } from './watchdog.ts';

/** Inputs between two looks at the coverage, which cost more than an input. */
const BATCH = 64;
const MAX_CORPUS = 1000;
/** Inputs that are kept for a while without having reached anything, so that damages add up. */
const DRIFTING = 256;

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs after which to stop. */
  readonly runs: number;
  /** `performance.now()` at which to stop. */
  readonly until: number;
  readonly coverage: Coverage;
  readonly watchdog: Watchdog;
}

export interface FuzzReport {
  readonly runs: number;
  /** Inputs that reached a branch first. */
  readonly corpus: number;
  readonly failure?: { readonly input: Buffer; readonly error: unknown };
}

/** Feeds a target mutations of its seeds; what reaches new branches becomes a seed. Ends with the first failure. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { coverage, watchdog } = options;
  const random = new Random(options.seed);
  const words = target.words.map((word) => Buffer.from(word));
  const corpus: Buffer[] = [...target.seeds.map((seed) => Buffer.from(seed)), ...loadSeeds(target.name).map(bytesOf)];
  const drifting: Buffer[] = [];
  let runs = 0;

  const judge = (input: Buffer) => {
    watchdog.note(input);
    return verdict(target, input);
  };
  const fails = async (input: Buffer) => (await judge(input)) !== undefined;
  /** Runs a batch; `undefined` when all is well. */
  const run = async (batch: readonly Buffer[]): Promise<FuzzReport | undefined> => {
    for (const input of batch) {
      runs += 1;
      if (await fails(input)) {
        const smallest = await shrink(input, fails);
        return { runs, corpus: corpus.length, failure: { input: smallest, error: await judge(smallest) } };
      }
    }
  };

  const failed = await run(corpus);
  if (failed) return failed;
  coverage.news();
  while (runs < options.runs && performance.now() < options.until) {
    const any = () => random.pick(drifting.length > 0 && random.below(2) === 0 ? drifting : corpus);
    const batch = Array.from({ length: BATCH }, () => mutate(any(), any(), words, random));
    drifting[random.below(Math.min(drifting.length + 1, DRIFTING))] = random.pick(batch);
    const failed = await run(batch);
    if (failed) return failed;
    if (coverage.news() === 0 || corpus.length >= MAX_CORPUS) continue;
    corpus.push(...(await smallCover(batch, judge, coverage)));
  }
  return { runs, corpus: corpus.length };
}

/** Of a batch that reached something new, the inputs that did: V8 tells it of the batch, so each one runs again alone. */
async function smallCover(
  batch: readonly Buffer[],
  judge: (input: Buffer) => Promise<unknown>,
  coverage: Coverage,
): Promise<Buffer[]> {
  coverage.rewind();
  const kept: Buffer[] = [];
  for (const input of batch) {
    await judge(input);
    if (coverage.news() > 0) kept.push(input);
  }
  return kept;
}

function bytesOf({ bytes }: { readonly bytes: Buffer }): Buffer {
  return bytes;
}
