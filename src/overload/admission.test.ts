import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouterError } from '../errors.ts';
import { Admission } from './admission.ts';
import type { Strain } from './pressure.ts';

const isOverloaded = (error: unknown) =>
  error instanceof RouterError && error.kind.status === 503 && error.retryAfter! > 0;

test('S28 a token gets its share and all tokens together get the rest', () => {
  const admission = new Admission({ streams: 3, perToken: 2 }, () => undefined);
  admission.enter('a');
  admission.enter('a');
  assert.throws(() => admission.enter('a'), isOverloaded);
  admission.enter('b');
  assert.throws(() => admission.enter('c'), isOverloaded);
  admission.leave('a');
  admission.enter('c');
  assert.deepEqual(admission.refused, { event_loop: 0, heap: 0, streams: 1, token_streams: 1 });
});

test('a token that has no answer under way is forgotten', () => {
  const admission = new Admission({ streams: 9, perToken: 9 }, () => undefined);
  for (const token of ['a', 'b', 'a']) admission.enter(token);
  for (const token of ['a', 'b', 'a']) admission.leave(token);
  assert.equal(admission.streams, 0);
  assert.equal(admission.tokens, 0);
});

test('nothing new begins while the router is strained', () => {
  let strain: Strain | undefined = 'heap';
  const admission = new Admission({ streams: 9, perToken: 9 }, () => strain);
  assert.throws(() => admission.enter('a'), isOverloaded);
  strain = undefined;
  admission.enter('a');
  assert.deepEqual(admission.refused, { event_loop: 0, heap: 1, streams: 0, token_streams: 0 });
});
