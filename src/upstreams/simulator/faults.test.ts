import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWishes } from './faults.ts';

const NONE = { error: undefined, ending: undefined, silenceMs: 0, paceMs: 15, words: undefined };

test('ordinary text wishes for nothing', () => {
  for (const text of [
    '',
    'simulate',
    'simulate error',
    'simulate error 418',
    'simulate error 5290',
    'simulate shortcut',
  ]) {
    assert.deepEqual(readWishes(text), NONE, text);
  }
});

test('each wish is read, in any case and anywhere in the text', () => {
  assert.equal(readWishes('Please Simulate ERROR 529.').error?.status, 529);
  assert.equal(readWishes('simulate overloaded mid-stream').ending, 'overloaded');
  assert.equal(readWishes('now simulate cut!').ending, 'cut');
  assert.equal(readWishes('simulate truncation').ending, 'truncation');
  assert.equal(readWishes('simulate silence 20').silenceMs, 20_000);
  assert.equal(readWishes('simulate slow 0').paceMs, 0);
  assert.equal(readWishes('simulate long 12').words, 12);
});

test('wishes stand together', () => {
  const { ending, silenceMs, paceMs, words } = readWishes(
    'simulate long 9, simulate slow 1, simulate silence 2, simulate cut',
  );
  assert.deepEqual({ ending, silenceMs, paceMs, words }, { ending: 'cut', silenceMs: 2000, paceMs: 1, words: 9 });
});

test('numbers above a limit count as the limit', () => {
  const { silenceMs, paceMs, words } = readWishes('simulate silence 601 simulate slow 60001 simulate long 20001');
  assert.deepEqual([silenceMs, paceMs, words], [600_000, 60_000, 20_000]);
});
