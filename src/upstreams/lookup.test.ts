import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { sharedLookup } from './lookup.ts';

test('U2 a name that hangs is looked up once, and does not hold up another', () => {
  const asked: [string, Parameters<LookupFunction>[2]][] = [];
  const lookup = sharedLookup((name, _, done) => void asked.push([name, done]));
  const answers: string[] = [];
  const answer = (who: string) => (_: Error | null, address: unknown) => answers.push(`${who} ${String(address)}`);
  for (let i = 0; i < 50; i += 1) lookup('slow.example', { all: false }, answer('slow'));
  lookup('fast.example', { all: false }, answer('fast'));
  assert.deepEqual(
    asked.map(([name]) => name),
    ['slow.example', 'fast.example'],
  );
  asked[1]![1](null, '192.0.2.2', 4);
  assert.deepEqual(answers, ['fast 192.0.2.2']);
  asked[0]![1](null, '192.0.2.1', 4);
  assert.equal(answers.length, 51);
  lookup('slow.example', { all: false }, answer('slow'));
  assert.equal(asked.length, 3, 'nothing is remembered');
});
