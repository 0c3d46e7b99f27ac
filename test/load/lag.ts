import type { Bed } from './bed.ts';

const LAG = 'link_assistant_event_loop_lag_seconds';

/** Delay of the router's event loop since its metrics were last read, in milliseconds. */
export async function lag(bed: Bed): Promise<{ p99: number; max: number }> {
  const metrics = await bed.metrics();
  const of = (quantile: string) => (metrics.get(`${LAG}{quantile="${quantile}"}`) ?? Number.NaN) * 1000;
  return { p99: of('0.99'), max: of('1') };
}
