import assert from 'node:assert/strict';
import { AnthropicStreamReader, readMessageUsage } from '../../../src/dialects/anthropic/stream.ts';
import { isTokenCount, type UsageReading } from '../../../src/dialects/usage.ts';
import { pieces, type Target } from '../target.ts';
import { eventsOf } from './sse.ts';

const start = '{"type":"message_start","message":{"model":"m-1","usage":{"input_tokens":9,"output_tokens":1}}}';
const delta = '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}';

/** Messages streams, and answers in one piece: figures are token counts, and the end is the one that the events tell. */
export const anthropicStream: Target = {
  name: 'anthropic-stream',
  modules: ['dialects/anthropic/stream.ts', 'dialects/anthropic/usage.ts', 'dialects/usage.ts'],
  seeds: [
    `event: message_start\ndata: ${start}\n\nevent: message_delta\ndata: ${delta}\n\nevent: message_stop\ndata: {}\n\n`,
    `data: ${start}\n\nevent: content_block_delta\ndata: {"delta":{"text":"hi"}}\n\nevent: error\ndata: {"error":{"type":"x"}}\n\n`,
    'data: {"type":"message_stop"}\n\ndata: {"type":"error"}\n\nevent: ping\ndata: {}\n\n',
    '{"type":"message","model":"m","usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}}}',
    '{"type":"error","error":{"type":"overloaded_error"}}',
    '{"input_tokens":4}',
  ],
  words: [
    ...['event: ', 'data: ', '\n', '\n\n', 'message_start', 'message_delta', 'message_stop', 'content_block_delta'],
    ...['error', '"type":"', '"usage":{', '"input_tokens":', '"output_tokens":', '"cache_creation_input_tokens":5,'],
    ...['"cache_creation":{"ephemeral_1h_input_tokens":3},', '"stop_reason":null', '-1', '1e308', 'null', '0', '[]'],
    ...['9007199254740993', '1.5', '"7"', '{', '}', '"model":7,', '"message":[]', '"__proto__":{}'],
  ],
  check(input) {
    const whole = read([input]);
    assert.deepEqual(read(pieces(input)), whole);
    assertReading(whole.reading);
    assertReading(readMessageUsage(input));
    assert.equal(whole.visible >= 0 && whole.visible <= input.length, true);
    if (whole.model !== undefined) assert.ok(whole.model.length <= 200);
    const types = new Set(eventsOf(input).map(({ name, data }) => typeOf(name, data)));
    assert.equal(whole.terminated, types.has('message_stop') || types.has('error'));
    assert.equal(whole.sawError !== undefined, types.has('error'));
  },
};

function read(chunks: Iterable<Uint8Array>) {
  const reader = new AnthropicStreamReader();
  let started = false;
  for (const chunk of chunks) {
    reader.push(chunk);
    assert.ok(!started || reader.terminated, 'what has ended stays so');
    started = reader.terminated;
  }
  const { terminated, sawError, model, reading, atBoundary, visibleBytes: visible } = reader;
  assert.equal(reader.usage, reading.usage);
  assert.equal(reader.complete, reading.complete);
  return { terminated, sawError, model, reading, atBoundary, visible };
}

function assertReading({ usage, doubtful, complete }: UsageReading): void {
  for (const value of Object.values(usage)) assert.ok(isTokenCount(value), `${value} is no count`);
  assert.equal(complete, doubtful.size === 0);
}

/** An event without a name of its own is known by the type in its data. */
function typeOf(name: string, data: string): unknown {
  if (name !== '' && name !== 'message') return name;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  } catch {
    return undefined;
  }
}
