import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownTurn } from './turns.ts';

test('work that begins at the same moment is done in turns of the event loop of its own', async () => {
  let turn = 0;
  const count = () => {
    turn += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const turns = await Promise.all([1, 2, 3].map(() => ownTurn().then(() => turn)));
  clearImmediate(immediate);
  assert.equal(new Set(turns).size, 3);
});
