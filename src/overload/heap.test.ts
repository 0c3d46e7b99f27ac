import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { heapShare, oldGenerationLimit } from './heap.ts';

const MIB = 1024 * 1024;

test('the limit of the old generation is the heap limit without the three semi-spaces', () => {
  const whole = getHeapStatistics().heap_size_limit;
  assert.equal(oldGenerationLimit([]), whole - 96 * MIB);
  assert.equal(oldGenerationLimit(['--max-semi-space-size=4']), whole - 12 * MIB);
  assert.equal(oldGenerationLimit(['--max_semi_space_size=64', '--inspect']), whole - 192 * MIB);
});

test('the share of the heap in use is one of the old generation', () => {
  const used = getHeapStatistics().used_heap_size;
  assert.ok(heapShare(used * 2) > 0.1);
  assert.ok(heapShare(used * 2) < 0.6);
});
