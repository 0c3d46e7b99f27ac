import assert from 'node:assert/strict';
import { type RawConnection, openRaw } from './client.ts';
import { deltaDigest } from './faultd/message.ts';
import type { FaultBed } from './faultd-bed.ts';
import { messagesRequest, STREAM_BODY } from './messages-client.ts';
import type { Cleanup } from './temp.ts';

/** Good streams that run at the same time, some that go to the upstream directly, and their events. */
const STREAMS = 8;
const DIRECT = 4;
const EVENTS = 10;
const EVERY_MS = 20;

/** What good streams met. All in milliseconds. */
export interface Traffic {
  /** 99th percentile of the way of an event from the upstream's write to the client's read, through the router. */
  readonly p99: number;
  /** The same for streams that went to the upstream directly, at the same time: what the machine alone makes of them. */
  readonly directP99: number;
  /** CPU time of this thread, and the number of good streams. */
  readonly cpu: number;
  readonly streams: number;
}

/** Good streams, each of them at least once, until `over`. Throws when one is not exactly what it should be. */
export async function goodTraffic(t: Cleanup, bed: FaultBed, over: () => boolean): Promise<Traffic> {
  const routed: number[] = [];
  const direct: number[] = [];
  const run = async (url: string, name: string, latencies: number[]): Promise<void> => {
    const connection = await openRaw(t, url);
    let round = 0;
    do {
      await goodStream(bed, connection, `${name}.${round}`, latencies);
      round += 1;
    } while (!over());
    connection.destroy();
  };
  const before = process.threadCpuUsage();
  const names = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => prefix + i);
  await Promise.all([
    ...names(STREAMS, 'g').map((name) => run(bed.router.url, name, routed)),
    ...names(DIRECT, 'd').map((name) => run(bed.faultd.url, name, direct)),
  ]);
  const { user, system } = process.threadCpuUsage(before);
  const streams = (routed.length + direct.length) / EVENTS;
  return { p99: percentile(routed, 99), directP99: percentile(direct, 99), cpu: (user + system) / 1_000, streams };
}

function percentile(values: readonly number[], percent: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor((ascending.length * percent) / 100))] ?? 0;
}

async function goodStream(bed: FaultBed, connection: RawConnection, nonce: string, latencies: number[]): Promise<void> {
  const headers = ['x-fault', `good&events=${EVENTS}&every=${EVERY_MS}&stamp=1`, 'x-nonce', nonce];
  await connection.request(messagesRequest(bed.token, { body: STREAM_BODY, headers }));
  const head = await connection.head();
  let text = '';
  for await (const bytes of connection.body(head)) {
    const piece = bytes.toString('latin1');
    text += piece;
    const now = performance.timeOrigin + performance.now();
    for (const [, made] of piece.matchAll(/@([\d.]+)/g)) latencies.push(now - Number(made));
  }
  assert.equal(head.status, 200, `a good stream got ${head.status}: ${text}`);
  const seen = [...text.matchAll(/#\d+ \S+ \w{8} /g)].map(([whole]) => whole);
  const wanted = Array.from({ length: EVENTS }, (_, i) => `#${i} ${nonce} ${deltaDigest(nonce, i)} `);
  assert.deepEqual(seen, wanted, 'a good stream is whole');
  assert.ok(text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n'));
}
