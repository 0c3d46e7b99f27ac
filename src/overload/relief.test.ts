import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Relief } from './relief.ts';

test('P12 garbage is collected when half of the answers that filled the heap are over, not while they run', () => {
  let collections = 0;
  const relief = new Relief(() => (collections += 1));
  relief.look(undefined, 900, 0);
  relief.look('event_loop', 0, 100);
  relief.look('heap', 900, 200);
  relief.look('heap', 1_000, 400);
  relief.look('heap', 501, 600);
  assert.equal(collections, 0);
  relief.look('heap', 500, 800);
  relief.look('heap', 0, 1_000);
  assert.equal(collections, 1);
  relief.look('heap', 0, 5_800);
  assert.equal(collections, 2);
  relief.look('heap', 0, 20_000);
  assert.equal(collections, 2);
});

test('the collection works without a flag of Node', () => {
  const held = new WeakRef({ large: new Uint8Array(1_000_000) });
  return new Promise<void>((resolve) => {
    setImmediate(() => {
      const relief = new Relief();
      relief.look('heap', 4, 0);
      relief.look('heap', 1, 1);
      assert.equal(held.deref(), undefined);
      resolve();
    });
  });
});
