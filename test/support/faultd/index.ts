import type { Cleanup } from '../temp.ts';
import { Faultd, type FaultdOptions } from './server.ts';

export type { Ledger, LedgerEntry } from './ledger.ts';
export { deltaDigest } from './message.ts';

/** Starts the fake upstream in this process, on a free port of 127.0.0.1, closed with the test. See `Faultd`. */
export async function startFaultd(t: Cleanup, options: FaultdOptions = {}): Promise<Faultd> {
  const faultd = new Faultd(options);
  await faultd.listen();
  t.after(() => faultd.close());
  return faultd;
}
