import type { RouterError } from '../errors.ts';
import type { AttemptOutcome } from './relay.ts';

/** Attempts per request. Clients repeat requests themselves: more here would multiply with that. */
const MAX_ATTEMPTS = 3;

export type NextStep =
  | { readonly kind: 'again'; readonly fresh: boolean }
  | { readonly kind: 'done' }
  | { readonly kind: 'answer'; readonly error: RouterError };

/**
 * What follows an attempt. Another one is made only where the upstream provably did not execute the request, and never
 * after a byte has gone to the client.
 *
 * `attempts`: how many were made. `reused`: how many of them met a connection that was just closing; that is tried again
 * once. `timeLeft`: the limit for connecting is not over. `credentialChanged`: the account has another secret than the refused one.
 */
export function nextStep(
  outcome: AttemptOutcome,
  state: {
    readonly attempts: number;
    readonly reused: number;
    readonly timeLeft: boolean;
    readonly credentialChanged: boolean;
  },
): NextStep {
  switch (outcome.kind) {
    case 'relayed':
    case 'client-gone':
      return { kind: 'done' };
    case 'fatal':
      return { kind: 'answer', error: outcome.error };
    case 'retry':
      if (state.attempts >= MAX_ATTEMPTS || (outcome.fresh ? state.reused > 1 : !state.timeLeft)) {
        return { kind: 'answer', error: outcome.error };
      }
      return { kind: 'again', fresh: outcome.fresh };
    case 'credential-refused':
      if (state.attempts >= MAX_ATTEMPTS || !state.credentialChanged) return { kind: 'answer', error: outcome.error };
      return { kind: 'again', fresh: false };
  }
}
