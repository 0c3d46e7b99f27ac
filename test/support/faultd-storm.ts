import assert from 'node:assert/strict';
import { type Asked, assertTold, type FaultBed } from './faultd-bed.ts';
import { goodTraffic, type Traffic } from './faultd-traffic.ts';
import type { Cleanup } from './temp.ts';

/** How much later the slowest hundredth of good events may come, beside twice its time without faults. Milliseconds. */
const SLACK_MS = 50;
const MAX_CPU_MS = 50;
/** A delay that a fault makes comes every time; one that another process makes does not. */
const ROUNDS = 4;
const REPEATS = 20;

export interface Storm {
  /** How often the fault is asked for (20), and how many at once (4). */
  readonly repeats?: number;
  readonly parallel?: number;
  /** Milliseconds that it may take: its time limit and a second. */
  readonly withinMs?: number;
  /** CPU time that one may cost, client and upstream included. Milliseconds (50). */
  readonly maxCpuMs?: number;
  readonly streamed?: boolean;
  /** The answer was whole for HTTP: its connection may serve again. */
  readonly reusable?: boolean;
  /** What must hold of each, beside what always must. */
  check(asked: Asked): void | Promise<void>;
}

/**
 * Asks for a fault again and again while good streams run. Each fault ends in time and leaves true books; its connection is not
 * used again; the good streams stay whole, and about as fast as they are without faults, or as direct ones are at that time.
 */
export async function storm(t: Cleanup, bed: FaultBed, fault: string, options: Storm): Promise<void> {
  for (let round = 1; ; round += 1) {
    const calm = await baselineOf(t, bed);
    const { p99, directP99, cpu, streams } = await faultsBesideGoodStreams(t, bed, fault, options);
    const limit = 2 * Math.max(calm.p99, directP99) + SLACK_MS;
    const cost = (cpu - (calm.cpu / calm.streams) * streams) / (options.repeats ?? REPEATS);
    if (p99 <= limit && cost <= (options.maxCpuMs ?? MAX_CPU_MS)) return;
    const p99s = `a p99 of ${p99.toFixed(1)} ms (at most ${limit.toFixed(1)})`;
    assert.ok(round < ROUNDS, `${fault}: good streams had ${p99s}, one fault cost ${cost.toFixed(1)} ms`);
  }
}

async function faultsBesideGoodStreams(t: Cleanup, bed: FaultBed, fault: string, options: Storm): Promise<Traffic> {
  const nonces = new Set<string>();
  let left = options.repeats ?? REPEATS;
  let over = false;
  const ask = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      nonces.add(await askOnce(bed, fault, options));
    }
  };
  const faults = Promise.all(Array.from({ length: options.parallel ?? 4 }, ask)).finally(() => {
    over = true;
    left = 0;
  });
  const [traffic] = await Promise.all([goodTraffic(t, bed, () => over), faults]);
  const reused = bed.faultd.ledger.reusedAfter((entry) => nonces.has(entry.nonce ?? ''));
  if (!options.reusable) assert.equal(reused.length, 0, `${fault}: the connection of a fault was used again`);
  return traffic;
}

async function askOnce(bed: FaultBed, fault: string, options: Storm): Promise<string> {
  const { withinMs = 1_000, streamed = true } = options;
  const asked = await bed.ask(fault, { streamed });
  assert.ok(asked.fairMs <= withinMs, `${fault} ended after ${Math.round(asked.fairMs)} ms, not ${withinMs}`);
  assertTold(asked);
  await options.check(asked);
  return asked.nonce;
}

const baselines = new WeakMap<FaultBed, Promise<Traffic>>();

/** Measured once per bed; what came before it warms up. */
function baselineOf(t: Cleanup, bed: FaultBed): Promise<Traffic> {
  const known = baselines.get(bed);
  if (known) return known;
  const measured = goodTraffic(t, bed, () => true).then(() => goodTraffic(t, bed, () => true));
  baselines.set(bed, measured);
  return measured;
}
