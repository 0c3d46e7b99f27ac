import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_EVENT_BYTES } from '../../wire/sse.ts';
import { emptyReading } from '../usage.ts';
import { AnthropicStreamReader, errorEvent, PING_EVENT, readMessageUsage } from './stream.ts';

const fixture = (name: string) => readFileSync(new URL(`../../../test/fixtures/anthropic/${name}`, import.meta.url));

function read(...chunks: (string | Buffer)[]): AnthropicStreamReader {
  const reader = new AnthropicStreamReader();
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return reader;
}

const event = (type: string, rest: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
const start = (usage: unknown, model: unknown = 'm') => event('message_start', { message: { model, usage } });
const delta = (usage: unknown, stopReason: unknown = 'end_turn') =>
  event('message_delta', { delta: { stop_reason: stopReason }, usage });
const stop = event('message_stop', {});

/** The state that a relay looks at. */
const state = (reader: AnthropicStreamReader) => ({
  terminated: reader.terminated,
  error: reader.sawError,
  boundary: reader.atBoundary,
  model: reader.model,
  usage: reader.usage,
  complete: reader.complete,
  visible: reader.visibleBytes,
});

describe('AnthropicStreamReader', () => {
  const zero = { cacheWrite: 0, cacheWrite1h: 0, cacheRead: 0 };
  const expected = {
    'text.sse': { input: 21, output: 34, cacheWrite: 188, cacheWrite1h: 88, cacheRead: 2048 },
    'tool-use.sse': { input: 412, output: 61, ...zero },
    'thinking.sse': { input: 77, output: 39, ...zero },
  };
  for (const [name, usage] of Object.entries(expected)) {
    test(`U13 ${name}: usage, model and end are read, in any chunking`, () => {
      const bytes = fixture(name);
      const whole = state(read(bytes));
      assert.deepEqual(whole, {
        terminated: true,
        error: undefined,
        boundary: true,
        model: 'claude-sonnet-4-5-20250929',
        usage,
        complete: true,
        visible: whole.visible,
      });
      fc.assert(
        fc.property(fc.integer({ min: 1, max: bytes.length }), (size) => {
          const reader = new AnthropicStreamReader();
          for (let i = 0; i < bytes.length; i += size) reader.push(bytes.subarray(i, i + size));
          assert.deepEqual(state(reader), whole);
        }),
      );
    });

    test(`U8 ${name}: cut anywhere, it has not terminated, and its figures are complete only after message_delta`, () => {
      const bytes = fixture(name);
      const text = bytes.toString('latin1');
      const final = text.indexOf('\n\n', text.indexOf('event: message_delta')) + 2;
      for (let length = 0; length < bytes.length; length += 1) {
        const reader = read(bytes.subarray(0, length));
        assert.equal(reader.terminated, false);
        assert.equal(reader.complete, length >= final);
      }
    });
  }

  test('U12 an error event ends the stream and names its type; the figures stay in doubt', () => {
    const reader = read(fixture('error.sse'));
    assert.equal(reader.terminated, true);
    assert.equal(reader.sawError, 'overloaded_error');
    assert.deepEqual(reader.reading, {
      usage: { input: 30, output: 2, ...zero },
      doubtful: new Set(['output']),
      complete: false,
      error: { type: 'overloaded_error' },
    });
  });

  test('U12 an error event that cannot be read is an error all the same', () => {
    for (const data of [
      '{broken',
      '{"error":7}',
      '[]',
      '{"error":{"type":{}}}',
      `{"error":{"type":"${'x'.repeat(999)}"}}`,
    ]) {
      assert.equal(read(`event: error\ndata: ${data}\n\n`).sawError, 'api_error');
    }
  });

  test('events without a name are known by the type in their data', () => {
    const bytes = fixture('text.sse').toString();
    const unnamed = bytes.replaceAll(/^event: .*\n/gm, '');
    const messages = bytes.replaceAll(/^event: .*\n/gm, 'event: message\n');
    assert.deepEqual(state(read(unnamed)), state(read(bytes)));
    assert.deepEqual(state(read(messages)), state(read(bytes)));
    assert.equal(read('data: {"type":"error","error":{"type":"api_error"}}\n\n').terminated, true);
  });

  test('R10 figures of zero in message_start are replaced by those of message_delta', () => {
    const reader = read(start({ input_tokens: 0, output_tokens: 0 }), delta({ input_tokens: 40, output_tokens: 7 }));
    assert.deepEqual([reader.usage.input, reader.usage.output, reader.complete], [40, 7, true]);
  });

  test('R10 a final output of 0 is final', () => {
    const reader = read(start({ input_tokens: 3, output_tokens: 0 }), delta({ output_tokens: 0 }));
    assert.deepEqual([reader.usage.output, reader.complete], [0, true]);
  });

  test('U14 output is final only with the message_delta that has a stop reason', () => {
    const begin = start({ input_tokens: 3, output_tokens: 1 });
    assert.equal(read(begin, delta({ output_tokens: 5 }, null)).complete, false);
    assert.equal(read(begin, delta({ output_tokens: 5 }, null), delta({ output_tokens: 8 })).complete, true);
    assert.equal(read(begin, event('message_delta', { usage: { output_tokens: 5 } })).complete, true);
    assert.equal(read(begin, delta(undefined), stop).complete, false);
    assert.equal(read(begin, delta({ output_tokens: '9' }), stop).complete, false);
    assert.equal(read(delta({ output_tokens: 5 }), stop).complete, false);
  });

  test('U14 malformed events are skipped, and those after them still count', () => {
    const broken = ['message_start', 'message_delta', 'content_block_start', ''].flatMap((name) =>
      ['{"type":"message_start","mess', 'null', '[]', '7', '{"message":null,"delta":0,"usage":"x"}'].map(
        (data) => `event: ${name}\ndata: ${data}\n\n`,
      ),
    );
    const reader = read(
      ...broken,
      start({ input_tokens: 3, output_tokens: 1 }),
      ...broken,
      delta({ output_tokens: 8 }),
      stop,
    );
    assert.deepEqual([reader.usage.input, reader.usage.output, reader.complete], [3, 8, true]);
  });

  test('a model name is a short text, and the first one stays', () => {
    assert.equal(read(start({}, 7)).model, undefined);
    assert.equal(read(start({}, 'x'.repeat(5000))).model, undefined);
    assert.equal(read(start({}, 'a'), start({}, 'b')).model, 'a');
  });

  test('C3 visible bytes are never under the text that was streamed, and at least 1 per delta', () => {
    const fields = { text: 'text_delta', thinking: 'thinking_delta', partial_json: 'input_json_delta' };
    const part = fc.tuple(
      fc.constantFrom(...Object.entries(fields)),
      fc.string({ unit: 'binary' }),
      fc.nat({ max: 300 }),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const reader = new AnthropicStreamReader();
        let bytes = 0;
        for (const [[field, type], text, index] of parts) {
          reader.push(Buffer.from(event('content_block_delta', { index, delta: { type, [field]: text } })));
          bytes += Math.max(1, Buffer.byteLength(text));
        }
        assert.ok(reader.visibleBytes >= bytes);
      }),
    );
    const one = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'twelve bytes' } });
    assert.equal(read(one).visibleBytes, 12);
    assert.equal(read('event: content_block_delta\ndata: {}\n\n').visibleBytes, 1);
  });

  test('a ping or an error of the router is a whole event of the dialect', () => {
    const reader = read(start({ input_tokens: 3, output_tokens: 1 }), PING_EVENT);
    assert.deepEqual([reader.atBoundary, reader.terminated], [true, false]);
    reader.push(Buffer.from(errorEvent('{"type":"error","error":{"type":"timeout_error","message":"late"}}')));
    assert.deepEqual([reader.atBoundary, reader.sawError], [true, 'timeout_error']);
  });

  test('U15 an event that is too large counts as content, and the end behind it is seen', () => {
    const large = `event: content_block_delta\ndata: ${'x'.repeat(MAX_EVENT_BYTES)}`;
    const reader = read(start({ input_tokens: 3 }), large);
    assert.deepEqual([reader.terminated, reader.atBoundary], [false, false]);
    assert.ok(reader.visibleBytes >= MAX_EVENT_BYTES);
    reader.push(Buffer.from(`\n\n${stop}`));
    assert.deepEqual([reader.terminated, reader.atBoundary], [true, true]);
  });
});

describe('readMessageUsage', () => {
  test('R10 the usage and the model of an answer are read, not those inside its content', () => {
    assert.deepEqual(readMessageUsage(fixture('message.json')), {
      usage: { input: 15, output: 52, cacheWrite: 640, cacheWrite1h: 40, cacheRead: 1200 },
      doubtful: new Set(),
      complete: true,
      model: 'claude-sonnet-4-5-20250929',
      shape: 'message',
    });
  });

  test('counted tokens are not usage', () => {
    const reading = readMessageUsage(fixture('count-tokens.json'));
    assert.deepEqual(reading, { ...emptyReading(), doubtful: new Set(), complete: true, shape: 'count' });
  });

  test('an error answer used nothing and names its type', () => {
    const reading = readMessageUsage(fixture('error.json'));
    assert.deepEqual(reading.usage, emptyReading().usage);
    assert.deepEqual([reading.complete, reading.error], [true, { type: 'rate_limit_error' }]);
  });

  test('U14 what is cut, broken, no object or without usage gives no complete reading', () => {
    const whole = fixture('message.json');
    const texts = [
      '',
      '[]',
      '7',
      '{}',
      '{"type":"message"}',
      '{"usage":[]}',
      '{"usage":{"input_tokens":1},"usage":{}}',
      '\xff',
    ];
    const odd = [...texts.map((text) => Buffer.from(text, 'latin1')), whole.subarray(0, -1), Buffer.alloc(20_000, '[')];
    for (const bytes of odd) {
      const { shape, ...reading } = readMessageUsage(bytes);
      assert.deepEqual([reading, typeof shape], [emptyReading(), 'string']);
    }
    assert.equal(readMessageUsage(Buffer.from('{"usage":{"input_tokens":1,"output_tokens":-1}}')).complete, false);
  });

  test('what is no JSON is told from JSON of something else', () => {
    const whole = fixture('message.json');
    const shapes = (texts: (string | Buffer)[]) => texts.map((text) => readMessageUsage(Buffer.from(text)).shape);
    assert.deepEqual(shapes([whole, '{"type":"error"}', '{"input_tokens":1}']), ['message', 'error', 'count']);
    assert.deepEqual(shapes(['{}', '[]', '7', '{"a":1,"a":2}']), Array(4).fill('other'));
    assert.deepEqual(shapes(['', '<html>', whole.subarray(0, -2), '{"a":"\xff']), Array(4).fill('broken'));
  });

  test('a usage object of absurd size is not parsed', () => {
    const padding = 'x'.repeat(70_000);
    const bytes = Buffer.from(`{"usage":{"input_tokens":1,"output_tokens":1,"x":"${padding}"}}`);
    assert.equal(readMessageUsage(bytes).complete, false);
  });
});
