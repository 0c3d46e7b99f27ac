import type { Call } from './call.ts';

/** What an upstream does with one request. */
export interface Fault {
  /** Starts with the head of the request; otherwise when its body has come. */
  readonly early?: true;
  run(call: Call): Promise<void>;
}

/** A fault that starts when the request has come. */
export function fault(run: (call: Call) => Promise<void>): Fault {
  return { run };
}

/** A fault that starts while the request's body may be on its way. */
export function earlyFault(run: (call: Call) => Promise<void>): Fault {
  return { early: true, run };
}
