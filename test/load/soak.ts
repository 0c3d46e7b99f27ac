/** L8: hours of traffic in which nothing may grow. `npm run soak -- --minutes N`; exits 1 when a bound is missed. */
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stopAll } from '../../bench/process.ts';
import type { ChurnFigures } from '../support/ssebench/churn.ts';
import type { RequestFigures } from '../support/ssebench/requests.ts';
import type { StreamFigures } from '../support/ssebench/streams.ts';
import { Bed } from './bed.ts';
import { compareBooks } from './ledger.ts';
import type { Holdings } from './probe.ts';
import { slopeOf } from './slope.ts';
import { atMost, type Check, describe, isMet } from './verdict.ts';

const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));
const MB = 1e6;
const SAMPLE_MS = 5_000;
/**
 * Share of the run before anything is measured. Requests come as fast as they are answered: what V8 learns about the code until it
 * leaves it alone fills a few hundred kilobytes, over tens of thousands of requests.
 */
const WARM_UP = 0.25;
/** Share of the run that goes by before the line through the samples begins, at most ten minutes. */
const SETTLING = 0.1;
const MOST_SETTLING_MS = 600_000;

/**
 * More streams at once than there are later, whatever the machine does: the HTTP client keeps a small object for each connection that
 * was ever needed at the same time, so a later peak would look like growth.
 */
const PEAK = { kind: 'streams', streams: 1_000, rampMs: 2_000, events: 40, everyMs: 100 } as const;

/** Minutes from which on a slope in MB per hour can be told from what V8 still learns about the code. */
const LONG_MINUTES = 20;
/** Bytes of the smallest object that V8 can make: a leak of one object per request is at least this. */
const SMALLEST_OBJECT = 16;

interface Sample extends Holdings {
  readonly at: number;
  readonly wal: number;
}

async function holdings(bed: Bed): Promise<Holdings> {
  const answer = once(bed.subject.child, 'message');
  bed.subject.child.send('measure');
  return ((await answer) as [Holdings])[0];
}

/** One stretch of traffic: small requests, 300 streams that come and go, and something wrong with a tenth of these. */
async function traffic(bed: Bed, seconds: number, pace: { rate: number } | { concurrency: number }) {
  const [requests, churn] = await Promise.all([
    bed.load<RequestFigures>({ kind: 'requests', ...pace, seconds }),
    bed.load<ChurnFigures>({ kind: 'churn', streams: 300, seconds, faults: 0.1 }),
  ]);
  return { requests, churn };
}

/** Looks at the router every few seconds while the traffic runs at its full rate. */
async function sampleFor(bed: Bed, seconds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const wal = join(bed.folder, 'data', 'core.db-wal');
  for (const until = performance.now() + seconds * 1000; performance.now() < until; await sleep(SAMPLE_MS)) {
    const size = await stat(wal).then(
      ({ size }) => size,
      () => 0,
    );
    samples.push({ ...(await holdings(bed)), at: performance.now(), wal: size });
  }
  return samples;
}

/** At rest: no connections, and so nothing that a request holds. */
async function atRest(bed: Bed, descriptors: number) {
  const open = await bed.descriptorsBackTo(descriptors);
  const { handles, timers, heap } = await holdings(bed);
  const running = (await bed.metrics()).get('link_assistant_running_answers') ?? Number.NaN;
  const sum = Object.values(handles).reduce((a, b) => a + b, 0);
  return { open, handles: sum, timers, running, heap };
}

function slopes(samples: readonly Sample[]): Check[] {
  const began = samples[0]?.at ?? 0;
  const whole = (samples.at(-1)?.at ?? 0) - began;
  const from = began + Math.min(MOST_SETTLING_MS, whole * SETTLING);
  const settled = samples.filter(({ at }) => at >= from);
  const line = (kind: 'heap' | 'resident') =>
    slopeOf(settled.map((sample) => ({ at: sample.at, value: sample[kind] / MB })));
  const [heap, resident] = [line('heap'), line('resident')];
  // What a short run cannot tell from noise is no growth yet; the doubt shrinks with the length of the run.
  return [
    atMost(
      `heap grows by ${heap.perHour.toFixed(2)} ± ${heap.doubt.toFixed(2)}, that is at least`,
      heap.perHour - heap.doubt,
      1,
      ' MB/h',
    ),
    atMost(
      `resident memory by ${resident.perHour.toFixed(1)} ± ${resident.doubt.toFixed(1)}, that is at least`,
      resident.perHour - resident.doubt,
      5,
      ' MB/h',
    ),
  ];
}

/** The short form: nothing that stays may come with each request. Of the heap only, since memory is given back when the kernel likes. */
function leak(bytes: number, requests: number): Check {
  return atMost(`bytes of heap that stayed for each of ${requests} answers`, bytes / requests, SMALLEST_OBJECT);
}

const back = (name: string, start: number, end: number): Check =>
  atMost(`${name} more than at the start (${start})`, end - start, Math.ceil(start / 100));
const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);

function answers({ requests, churn }: Awaited<ReturnType<typeof traffic>>): number {
  return requests.right + churn.right;
}

async function soak(minutes: number, folder: string): Promise<Check[]> {
  const ledger = join(folder, 'ledger');
  const nodeArguments = ['--expose-gc', '--import', PROBE];
  const bed = await Bed.open(folder, { ledger, nodeArguments, withChannel: true });
  const seconds = minutes * 60;
  const burst = await bed.load<StreamFigures>(PEAK);
  const warmUp = await traffic(bed, Math.round(seconds * WARM_UP), { concurrency: 16 });
  const start = await atRest(bed, await bed.descriptorsBackTo(0));

  const length = Math.round(seconds * (1 - WARM_UP));
  const main = traffic(bed, length, { rate: 200 });
  const samples = await sampleFor(bed, length);
  const figures = await main;
  const end = await atRest(bed, start.open);
  await bed.close();
  const books = await compareBooks(ledger, join(bed.folder, 'data', 'core.db'));

  console.error(
    `heap at rest, MB: ${start.heap / MB} → ${end.heap / MB}; under load: ${samples.map(({ heap }) => (heap / MB).toFixed(2)).join(' ')}`,
  );
  const both = [warmUp, figures];
  const asked = both.reduce(
    (total, { requests, churn }) =>
      total + requests.right + requests.shed + sum(requests.wrong) + churn.right + sum(churn.wrong),
    burst.whole + sum(burst.cut) + burst.shed,
  );
  const wrong = both.reduce(
    (total, { requests, churn }) => total + requests.shed + sum(requests.wrong) + sum(churn.wrong),
    burst.shed + sum(burst.cut),
  );
  for (const { requests, churn } of both) console.error(JSON.stringify({ requests, churn }));
  return [
    atMost(`of ${asked} answers, not as they had to be`, wrong, 0),
    ...(minutes < LONG_MINUTES ? [leak(end.heap - start.heap, answers(figures))] : slopes(samples)),
    atMost('WAL', Math.max(...samples.map(({ wal }) => wal)) / MB, 64, ' MB'),
    back('descriptors', start.open, end.open),
    back('handles', start.handles, end.handles),
    back('timers', start.timers, end.timers),
    back('running answers', start.running, end.running),
    atMost('requests without a usage row', Math.abs(asked - books.rows), 0),
    atMost('answers in the ledger and not in the database', books.missing, 0),
    atMost('in the database and not in the ledger', books.surplus, 0),
    atMost('booked differently', books.different, 0),
  ];
}

function minutesOrExit(): number {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
  const minutes = Number(values.minutes);
  if (minutes >= 1 && minutes <= 1_440 && process.platform === 'linux' && availableParallelism() >= 2) return minutes;
  console.error('soak: npm run soak -- [--minutes N], 1 to 1440 (default 5); needs Linux and two cores');
  process.exit(2);
}

const minutes = minutesOrExit();
// Whatever waits for a child fails then, and the folder is removed on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll());
const folder = await mkdtemp(join(tmpdir(), 'router-soak-'));
try {
  const checks = await soak(minutes, folder);
  console.log(`L8: ${minutes} minutes of 200 requests/s, 300 streams that come and go, 2 % faults`);
  for (const check of checks) console.log(`${isMet(check) ? 'met' : 'MISSED'}: ${describe(check)}`);
  if (!checks.every(isMet)) process.exitCode = 1;
} finally {
  await stopAll();
  await rm(folder, { recursive: true, force: true });
}
