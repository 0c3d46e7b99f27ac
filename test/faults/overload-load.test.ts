import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodyFigures } from '../support/ssebench/bodies.ts';
import { type BenchBed, openBenchBed } from '../support/ssebench/processes.ts';
import type { RequestFigures } from '../support/ssebench/requests.ts';
import type { StreamFigures } from '../support/ssebench/streams.ts';

const REFUSED = 'link_assistant_refused_total';

async function peakMemory({ pid }: BenchBed): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Seconds until requests are taken again. */
async function recovery(bed: BenchBed): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { shed, wrong } = await bed.load<RequestFigures>({ kind: 'requests', rate: 20, seconds: 1 });
    const seconds = (performance.now() - began) / 1000;
    if ((shed === 0 && Object.keys(wrong).length === 0) || seconds > 30) return seconds;
  }
}

function assertTrue(figures: StreamFigures): void {
  const { lost, repeated, corrupt, cut } = figures;
  assert.deepEqual({ lost, repeated, corrupt, cut }, { lost: 0, repeated: 0, corrupt: 0, cut: {} });
}

test('L4 a burst past the limits is refused at once, admitted streams stay right, and then all is well', async (t) => {
  const bed = await openBenchBed(t, { MAX_STREAMS: '300' });
  const machine = monitorEventLoopDelay();
  machine.enable();
  const burst = { kind: 'streams', streams: 1_500, rampMs: 1_000, events: 20, everyMs: 250 } as const;
  const figures = await bed.load<StreamFigures>(burst);
  assertTrue(figures);
  assert.equal(figures.whole + figures.shed, 1_500);
  assert.ok(figures.whole >= 300, `${figures.whole} whole`);
  assert.ok(figures.shed > 0);
  const stall = (await bed.metrics()).get('link_assistant_event_loop_lag_seconds{quantile="1"}') ?? Number.NaN;
  // What the machine keeps from a process that has nothing to do is no fault of the router.
  machine.disable();
  const withheld = machine.max / 1e6;
  assert.ok(stall * 1000 <= 500 + withheld, `${stall} s, of which the machine withheld up to ${withheld} ms`);
  assert.ok((await recovery(bed)) <= 10);
  const refusals = (await bed.end())
    .map((line) => JSON.parse(line) as { status?: number; ms?: number })
    .flatMap(({ status, ms }) => (status === 503 && ms !== undefined ? [ms] : []))
    .toSorted((a, b) => a - b);
  assert.equal(refusals.length, figures.shed);
  const p99 = refusals[Math.floor(refusals.length * 0.99)] ?? 0;
  assert.ok(p99 <= 100 + withheld, `${p99} ms from a request to its refusal`);
});

test('L7 large bodies past the pool get 503, memory stays bounded, other requests go through', async (t) => {
  const bed = await openBenchBed(t);
  const beside = bed.load<RequestFigures>({ kind: 'requests', rate: 50, seconds: 8 });
  await sleep(2_000);
  const bodies = await bed.load<BodyFigures>({ kind: 'bodies', count: 50, bytes: 32 * 1024 * 1024 });
  assert.deepEqual(bodies.wrong, {});
  assert.equal(bodies.taken + bodies.shed, 50);
  assert.ok(bodies.taken >= 1);
  assert.ok(bodies.shed >= 50 - 7 * 4, `${bodies.shed} shed`);
  const traffic = await beside;
  assert.deepEqual([traffic.shed, traffic.wrong], [0, {}]);
  assert.ok((await peakMemory(bed)) <= 600e6);
  assert.equal((await bed.metrics()).get('link_assistant_body_buffer_bytes'), 0);
});

test('P12 a small heap sheds before it is full, and the process lives', async (t) => {
  const bed = await openBenchBed(t, { NODE_OPTIONS: '--max-old-space-size=96', MAX_STREAMS_PER_TOKEN: '6000' });
  // Headers are kept as long as the answer runs: the cheapest way to fill a heap from outside.
  const padding = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`x-padding-${i}`, 'p'.repeat(1_000)]));
  const shape = { streams: 2_500, rampMs: 2_000, events: 600, everyMs: 1_000, leave: true } as const;
  const figures = await bed.load<StreamFigures>({ kind: 'streams', ...shape, extraHeaders: padding });
  assertTrue(figures);
  assert.equal(figures.left + figures.shed, 2_500);
  const metrics = await bed.metrics();
  assert.ok((metrics.get(`${REFUSED}{cause="heap"}`) ?? 0) > 0, 'nothing was shed for the heap');
  assert.ok(existsSync(`/proc/${bed.pid}`));
  assert.ok((await recovery(bed)) <= 10);
});
