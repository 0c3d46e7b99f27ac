import assert from 'node:assert/strict';
import { type RawConnection, openRaw } from './client.ts';
import { deltaDigest } from './faultd/message.ts';
import type { Asked, FaultBed } from './faultd-bed.ts';
import { assertTold } from './faultd-bed.ts';
import { messagesRequest, STREAM_BODY } from './messages-client.ts';
import type { Cleanup } from './temp.ts';

/** Good streams that run beside faults, and their events: one every 10 ms in each. */
const STREAMS = 10;
const EVENTS = 12;
const EVERY_MS = 10;
/** How much later the slowest hundredth may come than without faults, beside twice that time. Milliseconds. */
const SLACK_MS = 50;

/** Latencies of the events of good streams, from the upstream's write to the client's read. Milliseconds, ascending. */
type Latencies = readonly number[];

export interface Storm {
  /** How often each fault is asked for, and how many at once. */
  readonly repeats?: number;
  readonly parallel?: number;
  /** Milliseconds that a fault may take: its time limit and a second. */
  readonly withinMs?: number;
  /** What must hold of each, beside what always must. */
  check(asked: Asked): void | Promise<void>;
  readonly streamed?: boolean;
  /** The answer was whole for HTTP: its connection may serve again. */
  readonly reusable?: boolean;
}

/**
 * Asks for a fault again and again while good streams run. Each fault ends in time and leaves true books; its connection is not
 * used again; the good streams stay whole, and about as fast as they were without faults.
 */
export async function storm(t: Cleanup, bed: FaultBed, fault: string, options: Storm): Promise<void> {
  const { repeats = 20, parallel = 4, withinMs = 1_000, streamed = true } = options;
  const baseline = await baselineOf(t, bed);
  const nonces = new Set<string>();
  let left = repeats;
  let failed = false;
  const ask = async (): Promise<void> => {
    while (left > 0 && !failed) {
      left -= 1;
      try {
        const asked = await bed.ask(fault, { streamed });
        nonces.add(asked.nonce);
        assert.ok(asked.ms <= withinMs, `${fault} ended after ${Math.round(asked.ms)} ms, not ${withinMs}`);
        assertTold(asked);
        await options.check(asked);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  let over = false;
  const faults = Promise.all(Array.from({ length: parallel }, ask)).finally(() => {
    over = true;
  });
  const good = goodTraffic(t, bed, () => over);
  await faults;
  const latencies = await good;
  const { ledger } = bed.faultd;
  const reused = ledger.reusedAfter((entry) => nonces.has(entry.nonce ?? ''));
  if (!options.reusable) assert.equal(reused.length, 0, `${fault}: the connection of a fault was used again`);
  const limit = 2 * percentile(baseline, 99) + SLACK_MS;
  const p99 = percentile(latencies, 99);
  assert.ok(p99 <= limit, `${fault}: good streams had a p99 of ${p99.toFixed(1)} ms, not ${limit.toFixed(1)}`);
}

export function percentile(ascending: Latencies, percent: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor((ascending.length * percent) / 100))] ?? 0;
}

const baselines = new WeakMap<FaultBed, Promise<Latencies>>();

/** Measured once per bed. The first round warms up. */
function baselineOf(t: Cleanup, bed: FaultBed): Promise<Latencies> {
  const known = baselines.get(bed);
  if (known) return known;
  const measured = goodTraffic(t, bed, () => true).then(() => goodTraffic(t, bed, () => true));
  baselines.set(bed, measured);
  return measured;
}

/** Good streams, each of them at least once, until `over`. Throws when one is not exactly what it should be. */
async function goodTraffic(t: Cleanup, bed: FaultBed, over: () => boolean): Promise<Latencies> {
  const latencies: number[] = [];
  const run = async (serial: number): Promise<void> => {
    const connection = await openRaw(t, bed.router.url);
    let round = 0;
    do {
      await goodStream(bed, connection, `g${serial}.${round}`, latencies);
      round += 1;
    } while (!over());
    connection.destroy();
  };
  await Promise.all(Array.from({ length: STREAMS }, (_, serial) => run(serial)));
  return latencies.toSorted((a, b) => a - b);
}

async function goodStream(bed: FaultBed, connection: RawConnection, nonce: string, latencies: number[]): Promise<void> {
  const fault = `good&events=${EVENTS}&every=${EVERY_MS}&stamp=1`;
  await connection.request(
    messagesRequest(bed.token, { body: STREAM_BODY, headers: ['x-fault', fault, 'x-nonce', nonce] }),
  );
  const head = await connection.head();
  let text = '';
  for await (const piece of connection.body(head)) {
    text += piece.toString('latin1');
    const now = performance.timeOrigin + performance.now();
    for (const [, made] of piece.toString('latin1').matchAll(/@([\d.]+)/g)) latencies.push(now - Number(made));
  }
  assert.equal(head.status, 200, `a good stream got ${head.status}: ${text}`);
  const seen = [...text.matchAll(/#(\d+) (\S+) (\w{8}) /g)].map(([, index, whose, digest]) => [
    Number(index),
    whose,
    digest,
  ]);
  assert.deepEqual(
    seen,
    Array.from({ length: EVENTS }, (_, i) => [i, nonce, deltaDigest(nonce, i)]),
    'a good stream is whole',
  );
  assert.ok(text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n'));
}
