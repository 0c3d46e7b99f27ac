import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastTurn } from './last-turn.ts';

const text = (value: string) => ({ type: 'text', text: value });

test('only the last user turn counts, also when a system turn follows it', () => {
  const turns = [
    { role: 'user', content: [text('simulate error 529')] },
    { role: 'assistant', content: [text('no')] },
    { role: 'user', content: [text('hello')] },
    { role: 'system', content: [text('# Environment')] },
  ];
  assert.deepEqual(lastTurn(turns), { text: 'hello', results: [] });
});

test('reminders that agents add are no words of the user', () => {
  const content = [
    text('<system-reminder>\nUse Bash.\n</system-reminder>'),
    text('a<system-reminder>b</system-reminder>c'),
  ];
  assert.equal(lastTurn([{ role: 'user', content }]).text, 'ac');
  assert.equal(lastTurn([{ role: 'user', content: [text('<system-reminder> open')] }]).text, '<system-reminder> open');
});

test('tool results are found beside text', () => {
  const result = { type: 'tool_result', tool_use_id: 'x', content: 'done' };
  assert.deepEqual(lastTurn([{ role: 'user', content: [result, text('go on')] }]), {
    text: 'go on',
    results: [result],
  });
});

test('a huge text full of reminder openings is read in linear time', () => {
  const started = performance.now();
  const { text: kept } = lastTurn([{ role: 'user', content: [text('<system-reminder>'.repeat(1_000_000))] }]);
  assert.equal(kept.length, 10_000);
  assert.ok(performance.now() - started < 2_000);
});
