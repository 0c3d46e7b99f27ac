import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestFigures } from '../support/ssebench/requests.ts';
import type { StreamFigures } from '../support/ssebench/streams.ts';
import type { Bed } from './bed.ts';
import { lag } from './lag.ts';
import { atLeast, atMost, type Check, type Verdict } from './verdict.ts';

const MB = 1e6;
const KB = 1e3;
/** `MAX_STREAMS_PER_TOKEN` of the cases that open more streams than one token may have: they all run on one. */
export const ONE_TOKEN = { MAX_STREAMS_PER_TOKEN: '6000' };

const wrongs = ({ lost, repeated, corrupt }: StreamFigures): Check =>
  atMost('lost, repeated or corrupt events', lost + repeated + corrupt, 0);
const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);

/** L1–L3: `streams` streams of `rate` events a second each, all of which must come through. */
export async function steadyStreams(
  bed: Bed,
  id: string,
  load: { streams: number; rate: number; rampMs: number; seconds: number },
  goals: { p99: number; rss: number; lag?: number; perStream?: number },
): Promise<Verdict> {
  await bed.warmUp();
  const before = await bed.memory();
  const { streams, rate, rampMs, seconds } = load;
  const plan = { kind: 'streams', streams, rampMs, events: seconds * rate, everyMs: 1000 / rate } as const;
  const figures = await bed.load<StreamFigures>(plan);
  const { p99 } = await lag(bed);
  const { peak } = await bed.memory();
  return {
    id,
    load: `${streams} streams × ${rate} events/s for ${seconds} s, ${rampMs / 1000} s ramp`,
    checks: [
      atLeast('whole streams', figures.whole, streams),
      wrongs(figures),
      atMost('added p99', figures.added.p99, goals.p99, ' ms'),
      atMost('memory', peak / MB, goals.rss, ' MB'),
      ...(goals.lag === undefined ? [] : [atMost('event loop p99', p99, goals.lag, ' ms')]),
      ...(goals.perStream === undefined
        ? []
        : [atMost('per stream', (peak - before.now) / streams / KB, goals.perStream, ' KB')]),
    ],
  };
}

/** L4: far more at once than can be begun. */
export async function overload(bed: Bed, seconds: number): Promise<Verdict> {
  await bed.warmUp();
  const load = { kind: 'streams', streams: 5_000, rampMs: 1_000, events: seconds * 4, everyMs: 250 } as const;
  const figures = await bed.load<StreamFigures>(load);
  const recovered = await secondsUntilTaken(bed);
  const { max } = await lag(bed);
  return {
    id: 'L4',
    load: `5000 streams × 4 events/s, 1 s ramp: ${figures.whole} taken, ${figures.shed} shed`,
    checks: [
      wrongs(figures),
      atMost('neither whole nor 503 with retry-after', sum(figures.cut), 0),
      atMost('refusal p99', figures.refusal.p99, 100, ' ms'),
      atMost('added p99', figures.added.p99, 250, ' ms'),
      atMost('longest stall', max, 500, ' ms'),
      atMost('recovery', recovered, 10, ' s'),
    ],
  };
}

/** Seconds until a second of requests went through without one that was refused. */
async function secondsUntilTaken(bed: Bed): Promise<number> {
  const began = performance.now();
  for (;;) {
    const figures = await bed.load<RequestFigures>({ kind: 'requests', rate: 20, seconds: 1 });
    const seconds = (performance.now() - began) / 1000;
    if (figures.shed === 0 && sum(figures.wrong) === 0) return Math.max(0, seconds - 1);
    if (seconds > 60) return seconds;
    await sleep(100);
  }
}
