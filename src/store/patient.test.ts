import assert from 'node:assert/strict';
import { test } from 'node:test';
import { persist } from './patient.ts';

const busy = new Error('locked');
const patience = { limitMs: 100, isBusy: (error: unknown) => error === busy, random: () => 0 };

test('P10 a call that met a lock is repeated until it succeeds', async () => {
  let tries = 0;
  const result = await persist(
    async () => {
      tries += 1;
      if (tries < 5) throw busy;
      return 'done';
    },
    { ...patience, limitMs: 10_000 },
  );
  assert.deepEqual([result, tries], ['done', 5]);
});

test('P10 patience has an end', async () => {
  const began = performance.now();
  await assert.rejects(
    persist(() => Promise.reject(busy), patience),
    busy,
  );
  assert.ok(performance.now() - began >= 100);
});

test('another failure is told at once', async () => {
  let tries = 0;
  const failing = async () => {
    tries += 1;
    throw new Error('full');
  };
  await assert.rejects(persist(failing, patience), /full/);
  assert.equal(tries, 1);
});
