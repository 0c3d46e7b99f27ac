import assert from 'node:assert/strict';
import { createParser } from 'eventsource-parser';
import { SseScanner } from '../../../src/wire/sse.ts';
import { pieces, type Target } from '../target.ts';

interface Event {
  readonly name: string;
  readonly data: string;
}

/** Event streams: the events that `eventsource-parser` finds, in any chunking; `atBoundary` does not depend on it either. */
export const sse: Target = {
  name: 'sse',
  modules: ['wire/sse.ts'],
  seeds: [
    'event: a\ndata: {"x":1}\n\n',
    '\ufeffdata:1\r\ndata: 2\r\r: c\nid: 4\nevent\n\ndata\n\n',
    'retry: 3\rdata: é🛥\n\n',
  ],
  words: [
    'data',
    'data:',
    'data: ',
    'event:',
    'event: ',
    'id: ',
    ': ',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\ufeff',
    '🛥',
    '\0',
  ],
  check(input) {
    const expected = { events: eventsOf(input), atBoundary: boundaryOf(input) };
    assert.deepEqual(scan([input]), expected);
    assert.deepEqual(scan(pieces(input)), expected);
    if (input.length < 400) assert.deepEqual(scan(Array.from(input, (byte) => Uint8Array.of(byte))), expected);
  },
};

function scan(chunks: Iterable<Uint8Array>): { events: Event[]; atBoundary: boolean } {
  const events: Event[] = [];
  const scanner = new SseScanner((name, data) => events.push({ name, data: data() }));
  for (const chunk of chunks) {
    // Its owner may use a chunk again.
    const copy = Buffer.from(chunk);
    scanner.push(copy);
    copy.fill(0x3f);
  }
  return { events, atBoundary: scanner.atBoundary };
}

/** What another parser finds. */
export function eventsOf(input: Buffer): Event[] {
  const events: Event[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ name: event ?? '', data }) });
  parser.feed(new TextDecoder('utf-8', { ignoreBOM: true }).decode(input));
  return events;
}

function boundaryOf(input: Buffer): boolean {
  const text = input.toString('latin1');
  const lines = text.replace(/^\u00ef\u00bb\u00bf/, '').split(/\r\n|\r|\n/);
  return text === '' || (lines.pop() === '' && lines.at(-1) === '' && !text.endsWith('\r'));
}
