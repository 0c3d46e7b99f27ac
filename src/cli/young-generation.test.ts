import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = JSON.stringify(new URL('./young-generation.ts', import.meta.url).href);

/** Makes much garbage of which a part lives for a while, and prints the bytes of the young generation. */
const LOAD = `
  const { boundYoungGeneration, growYoungGeneration } = await import(${MODULE});
  boundYoungGeneration();
  growYoungGeneration();
  const kept = [];
  for (let round = 0; round < 200; round += 1) {
    for (let i = 0; i < 20_000; i += 1) kept[(i + round * 20_000) % 60_000] = { numbers: [i, round], text: 'x' + i };
    await new Promise(setImmediate);
  }
  const { getHeapSpaceStatistics } = await import('node:v8');
  console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);
`;

const sizeWith = (...options: string[]) =>
  Number(execFileSync(process.execPath, [...options, '--input-type=module', '-e', LOAD], { encoding: 'utf8' }));

test('the young generation stays small under load, unless the operator chose its size', () => {
  const bounded = sizeWith();
  const chosen = sizeWith('--max-semi-space-size=32');
  assert.ok(bounded <= 16 * 1024 * 1024, `${bounded} bytes`);
  assert.ok(chosen >= 2 * bounded, `${chosen} bytes with the operator's choice, ${bounded} without`);
});
