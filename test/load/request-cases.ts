import { setTimeout as sleep } from 'node:timers/promises';
import type { BodyFigures } from '../support/ssebench/bodies.ts';
import type { RequestFigures } from '../support/ssebench/requests.ts';
import type { Bed } from './bed.ts';
import { lag } from './lag.ts';
import { atLeast, atMost, type Check, type Verdict } from './verdict.ts';

const MB = 1e6;
/** Bytes: the largest body that the router takes. */
const LARGE_BODY = 32 * 1024 * 1024;

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
const errors = ({ shed, wrong }: RequestFigures): Check => atMost('errors', shed + sum(wrong), 0);

/** L5: as many small requests as go through, each with a durable usage row. */
export async function throughput(bed: Bed, seconds: number): Promise<Verdict> {
  await bed.warmUp();
  const figures = await bed.load<RequestFigures>({ kind: 'requests', concurrency: 32, seconds });
  return {
    id: 'L5',
    load: `2 KB JSON requests, 32 at a time, ${seconds} s`,
    checks: [atLeast('requests/s', figures.perSecond, 2_000), errors(figures)],
  };
}

/** L6: what the router adds when it is not busy. Direct and routed requests take turns. */
export async function addedLatency(bed: Bed, seconds: number): Promise<Verdict> {
  await bed.warmUp();
  const plan = { kind: 'requests', rate: 200, seconds } as const;
  const direct = await bed.load<RequestFigures>(plan, 'direct');
  const routed = await bed.load<RequestFigures>(plan);
  return {
    id: 'L6',
    load: `200 requests/s for ${seconds} s, less the same without the router`,
    checks: [
      atMost('added p50', routed.latency.p50 - direct.latency.p50, 2, ' ms'),
      atMost('added p99', routed.latency.p99 - direct.latency.p99, 10, ' ms'),
      errors(routed),
    ],
  };
}

/** L7: more large bodies at once than there is memory for, beside ordinary traffic. */
export async function largeBodies(bed: Bed): Promise<Verdict> {
  await bed.warmUp();
  const beside = bed.load<RequestFigures>({ kind: 'requests', rate: 200, seconds: 12 });
  await sleep(3_000);
  await bed.metrics();
  const bodies = await bed.load<BodyFigures>({ kind: 'bodies', count: 50, bytes: LARGE_BODY });
  const { p99 } = await lag(bed);
  const traffic = await beside;
  const { peak } = await bed.memory();
  return {
    id: 'L7',
    load: `50 bodies of 32 MB at once beside 200 requests/s: ${bodies.taken} taken, ${bodies.shed} shed`,
    checks: [
      atMost('neither 200 nor 503 with retry-after', sum(bodies.wrong), 0),
      atLeast('large bodies taken', bodies.taken, 1),
      atMost('memory', peak / MB, 600, ' MB'),
      atMost('event loop p99', p99, 100, ' ms'),
      atMost('p99 beside', traffic.latency.p99, 100, ' ms'),
      errors(traffic),
    ],
  };
}

/** L9: a connection per request. */
export async function churn(bed: Bed, seconds: number): Promise<Verdict> {
  await bed.warmUp();
  const before = await bed.descriptorsBackTo(0);
  const figures = await bed.load<RequestFigures>({ kind: 'requests', rate: 500, seconds, churn: true });
  const left = (await bed.descriptorsBackTo(before)) - before;
  return {
    id: 'L9',
    load: `500 connections/s for ${seconds} s`,
    checks: [errors(figures), atMost('descriptors left open', left, 0), atLeast('requests/s', figures.perSecond, 495)],
  };
}
