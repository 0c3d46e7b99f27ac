import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSeeds } from './seeds.ts';
import { targets } from './targets/index.ts';
import { verdict } from './verdict.ts';

for (const target of targets) {
  test(`C17 the seeds of ${target.name} break no law and cause no stall`, async () => {
    for (const [index, seed] of target.seeds.entries()) {
      assert.equal(await verdict(target, Buffer.from(seed)), undefined, `seed ${index} of the target`);
    }
    for (const { name, bytes } of loadSeeds(target.name)) {
      assert.equal(await verdict(target, bytes), undefined, `seeds/${target.name}/${name}`);
    }
  });
}

test('C17 every folder of seeds belongs to a target', () => {
  const names = new Set(targets.map(({ name }) => name));
  for (const name of readdirSync(join(import.meta.dirname, 'seeds'))) assert.ok(names.has(name), name);
});
