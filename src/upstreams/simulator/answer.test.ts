import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Answer, composeAnswer } from './answer.ts';
import { lastTurn } from './last-turn.ts';
import { readRequest } from './request.ts';

const user = (content: unknown) => [{ role: 'user', content }];

function answer(body: object, words?: number): Answer {
  const full = { model: 'm', max_tokens: 4096, messages: user('hello'), ...body };
  const request = readRequest(Buffer.from(JSON.stringify(full)), { counting: false });
  return composeAnswer(request, lastTurn(request.turns), { words, callId: 'toolu_1' });
}

/** The text of an answer that has no other block. */
function only(given: Answer): string {
  const [block] = given.content;
  assert.ok(given.content.length === 1 && block?.type === 'text');
  return block.text;
}

test('the answer says what it is, repeats the start of the question, and what to try', () => {
  const given = answer({ messages: user(`Why is\nthe sky ${'very '.repeat(40)}blue?`) });
  assert.equal(given.stopReason, 'end_turn');
  assert.match(only(given), /simulator.*You wrote: “Why is the sky (very )+v?…”.*“use a tool”.*“simulate error 529”/s);
  assert.ok(given.outputTokens > 80 && given.outputTokens < 256, 'fits into a small max_tokens');
});

test('the echo never cuts a character', () => {
  assert.match(only(answer({ messages: user('😀'.repeat(100)) })), /“(?:😀){60}…”/u);
});

test('a cut answer is the beginning of the whole one, and uses max_tokens exactly', () => {
  const whole = answer({});
  fc.assert(
    fc.property(fc.integer({ min: 1, max: whole.outputTokens - 1 }), (max_tokens) => {
      const given = answer({ max_tokens });
      assert.deepEqual([given.stopReason, given.outputTokens], ['max_tokens', max_tokens]);
      assert.ok(only(whole).startsWith(only(given)));
      return Buffer.byteLength(only(given)) > 4 * max_tokens - 4;
    }),
  );
  assert.deepEqual(answer({ max_tokens: whole.outputTokens }), whole);
});

test('the first of the stop sequences ends the text before it', () => {
  const given = answer({ stop_sequences: ['not a model', 'router', 'nowhere'] });
  assert.deepEqual([given.stopReason, given.stopSequence], ['stop_sequence', 'router']);
  assert.equal(only(given), 'I am the simulator of link-assistant-');
});

test('a stop sequence that max_tokens does not reach does not count', () => {
  const given = answer({ stop_sequences: ['router'], max_tokens: 2 });
  assert.deepEqual([given.stopReason, given.stopSequence, only(given)], ['max_tokens', null, 'I am the']);
});

test('a stop sequence at the very start leaves no block', () => {
  assert.deepEqual(answer({ stop_sequences: ['I am'] }).content, []);
});

for (const thinking of [{ type: 'enabled', budget_tokens: 1024 }, { type: 'adaptive' }]) {
  test(`thinking that is ${thinking.type} comes before the text, with a signature`, () => {
    const { content, outputTokens } = answer({ thinking });
    const [first, second] = content;
    assert.ok(first?.type === 'thinking' && second?.type === 'text');
    assert.ok(first.thinking.length > 20);
    assert.match(first.signature, /^[A-Za-z0-9+/]{86}==$/);
    assert.ok(outputTokens > answer({}).outputTokens);
  });
}

test('omitted thinking shows its signature only, and costs the same', () => {
  const shown = answer({ thinking: { type: 'adaptive' } });
  const omitted = answer({ thinking: { type: 'adaptive', display: 'omitted' } });
  const [block] = omitted.content;
  assert.ok(block?.type === 'thinking' && block.thinking === '' && block.signature.length === 88);
  assert.equal(omitted.outputTokens, shown.outputTokens);
});

test('thinking alone may use up max_tokens', () => {
  const given = answer({ thinking: { type: 'adaptive' }, max_tokens: 3 });
  assert.deepEqual(
    given.content.map(({ type }) => type),
    ['thinking'],
  );
  assert.deepEqual([given.stopReason, given.outputTokens], ['max_tokens', 3]);
});

const tools = [{ name: 'Bash', input_schema: { properties: { command: { type: 'string' } }, required: ['command'] } }];

test('a tool call comes after a text that announces it', () => {
  const given = answer({ tools, messages: user('use a tool') });
  assert.equal(given.stopReason, 'tool_use');
  assert.deepEqual(given.content, [
    { type: 'text', text: 'The simulator calls Bash now.' },
    { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'echo simulated' } },
  ]);
});

test('a tool call that does not fit into max_tokens is left out whole', () => {
  const given = answer({ tools, messages: user('use a tool'), max_tokens: 10 });
  assert.deepEqual(
    [given.stopReason, given.outputTokens, only(given)],
    ['max_tokens', 10, 'The simulator calls Bash now.'],
  );
});

test('the results of tools are mentioned, errors as such', () => {
  const results = [
    { type: 'tool_result', tool_use_id: 'a', content: 'forty-two' },
    { type: 'tool_result', tool_use_id: 'b', is_error: true, content: [{ type: 'text', text: 'no such file' }] },
    { type: 'tool_result', tool_use_id: 'c' },
  ];
  const text = only(answer({ tools, messages: user(results) }));
  assert.match(text, /the result “forty-two” and the error “no such file” and the result without text from the tools/);
});

test('a wanted number of words is given, whatever else was asked for', () => {
  assert.equal(only(answer({ tools, messages: user('use a tool') }, 25)).split(' ').length, 25);
});

test('structured output meets its schema', () => {
  const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
  const given = answer({ output_config: { format: { type: 'json_schema', schema } } });
  assert.deepEqual(JSON.parse(only(given)), { title: 'simulated' });
});
