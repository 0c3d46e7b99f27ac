import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import * as fc from 'fast-check';
import { MAX_EVENT_BYTES, SseScanner } from './sse.ts';

interface Event {
  name: string;
  data: string;
}

const fixtureFolder = new URL('../../test/fixtures/anthropic/', import.meta.url);
const fixtures = readdirSync(fixtureFolder)
  .filter((name) => name.endsWith('.sse'))
  .map((name) => readFileSync(new URL(name, fixtureFolder)));

function collect(): { scanner: SseScanner; events: Event[] } {
  const events: Event[] = [];
  const scanner = new SseScanner((name, data, dataBytes) => {
    const text = data();
    // Replacement characters are longer than the broken bytes that they stand for.
    if (!text.includes('\ufffd')) assert.equal(dataBytes, Buffer.byteLength(text));
    events.push({ name, data: text });
  });
  return { scanner, events };
}

function scan(chunks: Iterable<Uint8Array>): Event[] {
  const { scanner, events } = collect();
  for (const chunk of chunks) scanner.push(chunk);
  return events;
}

function reference(bytes: Uint8Array): Event[] {
  const events: Event[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ name: event ?? '', data }) });
  parser.feed(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  return events;
}

/** A blank line was the last thing, and no LF can still belong to it. */
function referenceBoundary(prefix: Buffer): boolean {
  const text = prefix.toString('latin1');
  const lines = text.replace(/^\u00ef\u00bb\u00bf/, '').split(/\r\n|\r|\n/);
  return text === '' || (lines.pop() === '' && lines.at(-1) === '' && !text.endsWith('\r'));
}

function* slices(bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let start = 0;
  for (const cut of cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
}

const words = [
  'data: x',
  'data:y',
  'data:',
  'data',
  'data:  two',
  'data: ü€🛥️',
  'data: \0',
  'datax: no',
  'Data: no',
  'dat',
];
const others = [
  'event: message_stop',
  'event: é',
  'event:',
  'event',
  'eventual: no',
  ': a',
  ':',
  'id: 7',
  'id: \0',
  'retry: 5',
];
const line = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words, ...others).map((text) => Buffer.from(text)) },
  { weight: 5, arbitrary: fc.constant(Buffer.alloc(0)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('data: \xff', 'data: \xe2\x82', '\xef\xbb\xbfdata: bom', 'data\xc3').map(latin1),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)) },
);
const lineEnd = fc.constantFrom('\n', '\n', '\r\n', '\r').map(latin1);
const stream = fc
  .tuple(
    fc.constantFrom('', '', '\xef\xbb\xbf', '\xef\xbb').map(latin1),
    fc.array(
      fc.tuple(line, lineEnd).map((parts) => Buffer.concat(parts)),
      { maxLength: 25 },
    ),
    line,
  )
  .map(([bom, lines, tail]) => Buffer.concat([bom, ...lines, tail]));
const cuts = fc.array(fc.nat({ max: 4096 }), { maxLength: 12 });

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

describe('SseScanner', () => {
  test('U13 any stream in any chunking gives the events that eventsource-parser finds', () => {
    fc.assert(
      fc.property(fc.oneof(stream, fc.constantFrom(...fixtures)), cuts, (bytes, cuts) => {
        assert.deepEqual(scan(slices(bytes, cuts)), reference(bytes));
      }),
      { numRuns: 1500 },
    );
  });

  test('U13 slices of one byte give the same events', () => {
    for (const bytes of fixtures) {
      const events = scan(Array.from(bytes, (byte) => Uint8Array.of(byte)));
      assert.deepEqual(events, reference(bytes));
      assert.ok(events.length >= 5);
    }
  });

  test('U13 line ends, BOM, missing spaces, several data lines and comments follow the grammar', () => {
    const text =
      '\ufeffevent:a\r\ndata:1\r\rdata: 2\ndata\r\ndata:  3\n\n: no event\n\nevent: gone\n\nid: 9\ndata: 4\r\n\r\ndata: cut';
    assert.deepEqual(scan([Buffer.from(text)]), [
      { name: 'a', data: '1' },
      { name: '', data: '2\n\n 3' },
      { name: '', data: '4' },
    ]);
  });

  test('U13 several data lines survive a cut after an event before them', () => {
    assert.deepEqual(scan([Buffer.from('data: 0\n\ndata: 1\ndata: 2\ndata: 3\nda'), Buffer.from('ta: 4\n\n')]), [
      { name: '', data: '0' },
      { name: '', data: '1\n2\n3\n4' },
    ]);
  });

  test('U13 a name is not taken for another whose characters are its bytes', () => {
    const names = scan([Buffer.from('event: \u00c3\u00a9\ndata: x\n\nevent: \u00e9\ndata: x\n\n')]).map(
      ({ name }) => name,
    );
    assert.deepEqual(names, ['\u00c3\u00a9', '\u00e9']);
  });

  test('atBoundary is true exactly where a complete event has ended, after every byte', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const { scanner } = collect();
        for (let i = 0; i < bytes.length; i += 1) {
          assert.equal(scanner.atBoundary, referenceBoundary(bytes.subarray(0, i)), `after ${i} bytes`);
          scanner.push(bytes.subarray(i, i + 1));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('atBoundary does not depend on how the bytes were cut', () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, cuts) => {
        const { scanner } = collect();
        for (const slice of slices(bytes, cuts)) scanner.push(slice);
        assert.equal(scanner.atBoundary, referenceBoundary(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('a CR that may be half of a CRLF is no boundary', () => {
    const { scanner, events } = collect();
    scanner.push(Buffer.from('data: x\r\n\r'));
    assert.equal(events.length, 1);
    assert.equal(scanner.atBoundary, false);
    scanner.push(Buffer.from('\n'));
    assert.equal(scanner.atBoundary, true);
  });

  test('the bytes of a chunk may be reused by its owner after push', () => {
    const { scanner, events } = collect();
    const chunk = Buffer.from('event: a\ndata: on');
    scanner.push(chunk);
    chunk.fill('?');
    scanner.push(Buffer.from('e\n\n'));
    assert.deepEqual(events, [{ name: 'a', data: 'one' }]);
  });

  test('U15 an event over the limit is skipped, and what follows it is read, however it was cut', () => {
    for (const size of [MAX_EVENT_BYTES * 2, MAX_EVENT_BYTES + 1, 65_536, 4097]) {
      const { scanner, events } = collect();
      const large = `event: a\ndata: ${'x'.repeat(MAX_EVENT_BYTES)}\nmore\n\n`;
      const bytes = Buffer.from(`data: before\n\n${large}data: after\n\n`);
      for (let i = 0; i < bytes.length; i += size) scanner.push(bytes.subarray(i, i + size));
      assert.deepEqual(events, [
        { name: '', data: 'before' },
        { name: '', data: 'after' },
      ]);
      assert.deepEqual([scanner.skippedBytes, scanner.atBoundary], [large.length - 'event: a\n'.length, true]);
    }
  });

  test('U15 with a small limit, what is read does not depend on how the bytes were cut', () => {
    // No limit is smaller than the byte order mark that may begin a stream.
    fc.assert(
      fc.property(stream, cuts, fc.integer({ min: 3, max: 40 }), (bytes, cuts, limit) => {
        const whole: Event[] = [];
        const sliced: Event[] = [];
        const first = new SseScanner((name, data) => whole.push({ name, data: data() }), limit);
        const second = new SseScanner((name, data) => sliced.push({ name, data: data() }), limit);
        first.push(bytes);
        for (const slice of slices(bytes, cuts)) second.push(slice);
        assert.deepEqual(sliced, whole);
        assert.equal(first.skippedBytes > 0, second.skippedBytes > 0);
        assert.deepEqual([first.atBoundary, second.atBoundary], Array(2).fill(referenceBoundary(bytes)));
        const all = reference(bytes).map((event) => JSON.stringify(event));
        let at = 0;
        for (const event of whole) at = all.indexOf(JSON.stringify(event), at) + 1 || Number.POSITIVE_INFINITY;
        assert.ok(at <= all.length, 'every event that is read is one of the stream, in its order');
      }),
      { numRuns: 1000 },
    );
  });

  test('U15 an event of exactly the limit is read, however it was cut', () => {
    const padding = 'x'.repeat(MAX_EVENT_BYTES - 'data: '.length - 1);
    for (const size of [MAX_EVENT_BYTES * 2, 65_536]) {
      const bytes = Buffer.from(`event: a\ndata: ${padding}\n\n`);
      const { scanner, events } = collect();
      for (let i = 0; i < bytes.length; i += size) scanner.push(bytes.subarray(i, i + size));
      assert.equal(events[0]?.data, padding);
      assert.equal(scanner.skippedBytes, 0);
    }
  });

  test('U15 the LF of a CRLF that was cut in two is no part of the next event', () => {
    const { scanner, events } = collect();
    scanner.push(Buffer.from('data: a\r\n\r'));
    scanner.push(Buffer.from(`\ndata: ${'x'.repeat(MAX_EVENT_BYTES - 'data: '.length - 1)}\n\n`));
    assert.deepEqual([events.length, scanner.skippedBytes], [2, 0]);
  });

  test('U15 200 MB without a line end cost neither memory nor time', () => {
    const { scanner } = collect();
    const chunk = Buffer.alloc(65_536, 'x');
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 3200; i += 1) scanner.push(chunk);
    assert.equal(scanner.skippedBytes, 3200 * 65_536);
    assert.ok(process.memoryUsage().arrayBuffers - before < 8 * MAX_EVENT_BYTES);
  });

  test('a long stream of comments is no large event', () => {
    const { scanner } = collect();
    const comments = Buffer.from(': still here\n'.repeat(5000));
    for (let i = 0; i < 40; i += 1) scanner.push(comments);
    assert.equal(scanner.skippedBytes, 0);
  });

  test('a megabyte in slices of one byte, and one of only CRs, take linear time', () => {
    const slow = collect();
    const event = Buffer.from(`data: ${'x'.repeat(1_000_000)}\n\n`);
    const started = performance.now();
    for (let i = 0; i < event.length; i += 1) slow.scanner.push(event.subarray(i, i + 1));
    const crs = collect();
    crs.scanner.push(Buffer.from('data: x\r\r'.repeat(120_000)));
    assert.ok(performance.now() - started < 5000);
    assert.deepEqual([slow.events.length, crs.events.length], [1, 120_000]);
  });
});
