import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OutputBudget, tokensOf } from './tokens.ts';

const texts = fc.string({ unit: 'binary', maxLength: 60 });
const limits = fc.integer({ min: 1, max: 20 });

test('a text takes a token for every four bytes begun', () => {
  assert.deepEqual(['', 'a', 'abcd', 'abcde', '日本'].map(tokensOf), [0, 1, 1, 2, 2]);
});

test('a budget keeps what fits, and of the rest the longest beginning of whole characters', () => {
  fc.assert(
    fc.property(texts, limits, (text, limit) => {
      const budget = new OutputBudget(limit);
      const kept = budget.take(text);
      assert.equal(budget.exceeded, tokensOf(text) > limit);
      assert.ok(text.startsWith(kept));
      if (!budget.exceeded) return kept === text && budget.used === tokensOf(text);
      const next = String.fromCodePoint(text.codePointAt(kept.length)!);
      return (
        budget.used === limit && Buffer.byteLength(kept) <= 4 * limit && Buffer.byteLength(kept + next) > 4 * limit
      );
    }),
  );
});

test('a budget that is used up gives nothing more', () => {
  const budget = new OutputBudget(1);
  assert.deepEqual(
    [budget.take('four'), budget.exceeded, budget.take(''), budget.exceeded],
    ['four', false, '', false],
  );
  assert.deepEqual([budget.take('x'), budget.exceeded, budget.used], ['', true, 1]);
});
