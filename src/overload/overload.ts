import { Counter, Gauge, type Registry } from 'prom-client';
import { Admission } from './admission.ts';
import { BodyPool } from './body-pool.ts';
import { Pressure } from './pressure.ts';
import { Relief } from './relief.ts';
import { Sampler } from './sampler.ts';

export interface OverloadLimits {
  /** Answers under way, all tokens together. */
  readonly streams: number;
  /** Answers under way on one token. */
  readonly streamsPerToken: number;
  /** Bytes of request bodies in memory. */
  readonly bodyBytes: number;
  /** Smoothed delay of the event loop, in milliseconds. */
  readonly eventLoopLagMs: number;
  /** Per cent of V8's heap limit. */
  readonly heapPercent: number;
}

/** What keeps the router from taking more than it can carry. */
export interface Overload {
  readonly admission: Admission;
  readonly bodies: BodyPool;
  register(registry: Registry): void;
  stop(): void;
}

export function createOverload(limits: OverloadLimits): Overload {
  const pressure = new Pressure({ lagMs: limits.eventLoopLagMs, heapShare: limits.heapPercent / 100 });
  const caps = { streams: limits.streams, perToken: limits.streamsPerToken };
  const admission = new Admission(caps, () => pressure.strain);
  const relief = new Relief();
  const sampler = new Sampler(pressure, (now) => relief.look(pressure.strain, admission.streams, now));
  const bodies = new BodyPool(limits.bodyBytes);
  return {
    admission,
    bodies,
    register: (registry) => register(registry, admission, bodies, sampler),
    stop: () => sampler.stop(),
  };
}

function register(registry: Registry, admission: Admission, bodies: BodyPool, sampler: Sampler): void {
  const lag = new Gauge({
    name: 'link_assistant_event_loop_lag_seconds',
    help: 'How much later than planned the event loop came to a timer, since the last time this was asked.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      lag.set({ quantile: '0.5' }, sampler.lag(50));
      lag.set({ quantile: '0.99' }, sampler.lag(99));
      lag.set({ quantile: '1' }, sampler.lag(100));
      sampler.forget();
    },
  });
  const held: Gauge = new Gauge({
    name: 'link_assistant_body_buffer_bytes',
    help: 'Bytes of request bodies that are being read or held.',
    registers: [registry],
    collect() {
      held.set(bodies.taken);
    },
  });
  const refused = new Counter({
    name: 'link_assistant_refused_total',
    help: 'Model requests refused with 503 for want of room, by what was short.',
    labelNames: ['cause'],
    registers: [registry],
    collect() {
      refused.reset();
      for (const [cause, count] of Object.entries(admission.refused)) refused.inc({ cause }, count);
      refused.inc({ cause: 'body_buffer' }, bodies.refused);
    },
  });
}
