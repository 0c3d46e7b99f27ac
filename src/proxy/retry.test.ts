import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouterError } from '../errors.ts';
import type { AttemptOutcome } from './relay.ts';
import { nextStep } from './retry.ts';

const error = new RouterError('upstream_unreachable', 'x');
const step = (outcome: AttemptOutcome, state: Partial<Parameters<typeof nextStep>[1]> = {}) =>
  nextStep(outcome, { attempts: 1, reused: 0, timeLeft: true, credentialChanged: false, ...state });

test('4.1 after a byte has gone to the client, or the client has gone, nothing is tried again', () => {
  assert.deepEqual(step({ kind: 'relayed' }), { kind: 'done' });
  assert.deepEqual(step({ kind: 'client-gone' }), { kind: 'done' });
});

test('4.1 what may have been executed is not sent again', () => {
  assert.deepEqual(step({ kind: 'fatal', error }), { kind: 'answer', error });
});

test('4.1 what was provably not executed is tried three times', () => {
  const outcome: AttemptOutcome = { kind: 'retry', fresh: false, error };
  assert.deepEqual(step(outcome, { attempts: 2 }), { kind: 'again', fresh: false });
  assert.deepEqual(step(outcome, { attempts: 3 }), { kind: 'answer', error });
});

test('U2 all attempts to connect together take no longer than the limit', () => {
  const outcome: AttemptOutcome = { kind: 'retry', fresh: false, error };
  assert.deepEqual(step(outcome, { timeLeft: false }), { kind: 'answer', error });
});

test('U22 a connection that closed under a request is tried again once, on a fresh one', () => {
  const outcome: AttemptOutcome = { kind: 'retry', fresh: true, error };
  assert.deepEqual(step(outcome, { reused: 1 }), { kind: 'again', fresh: true });
  assert.deepEqual(step(outcome, { attempts: 2, reused: 2 }), { kind: 'answer', error });
});

test('U11 a refused credential is tried again only when the account has another one by now', () => {
  const outcome: AttemptOutcome = { kind: 'credential-refused', error };
  assert.deepEqual(step(outcome), { kind: 'answer', error });
  assert.deepEqual(step(outcome, { credentialChanged: true }), { kind: 'again', fresh: false });
});
