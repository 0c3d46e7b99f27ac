import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { AnswerBlock } from './answer.ts';
import { streamOf, toMessage } from './message.ts';
import { isObject } from './request.ts';

const text = fc.string({ unit: 'binary', maxLength: 80 });
const blocks: fc.Arbitrary<AnswerBlock> = fc.oneof(
  fc.record({ type: fc.constant('thinking' as const), thinking: text, signature: text }),
  fc.record({ type: fc.constant('text' as const), text }),
  fc.record({
    type: fc.constant('tool_use' as const),
    id: text,
    name: text,
    input: fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
  }),
);

const messageWith = (content: readonly AnswerBlock[]) =>
  toMessage(
    'msg_1',
    'claude-sonnet-4-5',
    { content, stopReason: 'stop_sequence', stopSequence: 'x', outputTokens: 7 },
    { fresh: 1, read: 2, write5m: 3, write1h: 4 },
  );

const byType = (content: readonly AnswerBlock[]) => [...streamOf(messageWith(content))].map(({ type }) => type);

test('a message has all classes of usage', () => {
  assert.deepEqual(messageWith([]).usage, {
    input_tokens: 1,
    cache_creation_input_tokens: 7,
    cache_read_input_tokens: 2,
    cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 },
    output_tokens: 7,
    service_tier: 'standard',
  });
});

test('a stream has the order of the API', () => {
  const content: AnswerBlock[] = [
    { type: 'thinking', thinking: '', signature: 's' },
    { type: 'text', text: 'two words' },
  ];
  assert.deepEqual(byType(content), [
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_stop',
    'content_block_start',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  assert.deepEqual(byType([]), ['message_start', 'message_delta', 'message_stop']);
});

test('a stream begins with an empty message and tells the rest at its end', () => {
  const message = messageWith([]);
  const [start, delta] = [...streamOf(message)];
  const begun = { content: [], stop_reason: null, stop_sequence: null, usage: { ...message.usage, output_tokens: 1 } };
  assert.deepEqual(start, { type: 'message_start', message: { ...message, ...begun } });
  assert.deepEqual(delta, {
    type: 'message_delta',
    delta: { stop_reason: 'stop_sequence', stop_sequence: 'x' },
    usage: { input_tokens: 1, cache_creation_input_tokens: 7, cache_read_input_tokens: 2, output_tokens: 7 },
  });
});

test('the deltas of a stream add up to the blocks of the message', () => {
  fc.assert(
    fc.property(fc.array(blocks, { maxLength: 4 }), (content) => {
      const message = messageWith(content);
      const sums = message.content.map(() => ({ text: '', signature: '' }));
      for (const event of streamOf(message)) {
        if (event.type !== 'content_block_delta') continue;
        const sum = sums[Number(event['index'])]!;
        assert.ok(isObject(event['delta']));
        const { text = '', thinking = '', partial_json = '', signature = '' } = event['delta'];
        sum.text += `${String(text)}${String(thinking)}${String(partial_json)}`;
        sum.signature += String(signature);
      }
      const expected = content.map((block) => ({
        text:
          block.type === 'text' ? block.text : block.type === 'thinking' ? block.thinking : JSON.stringify(block.input),
        signature: block.type === 'thinking' ? block.signature : '',
      }));
      assert.deepEqual(sums, expected);
    }),
  );
});
