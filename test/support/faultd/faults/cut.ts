import type { Call } from '../call.ts';
import { fault } from '../fault.ts';
import { bookJson, eventsOf, jsonText, planOf, sendEvents, streamText } from '../message.ts';
import { integerBetween } from '../random.ts';

/**
 * Answers without their end. `how`: `fin` (default), `rst` or `half` (a FIN, while the upstream goes on reading). `at`: where, in
 * bytes of the body; default: anywhere before the last byte, by the seed.
 */
export const cutFaults = {
  /** In the middle of a chunked stream (U6). */
  cut: fault(async (call) => {
    await call.streamHead('chunked');
    await partOfStream(call);
    await cut(call);
  }),
  /** HTTP says that all is well, but the terminal event did not come (U8). `framing=length`: with a length instead of chunks. */
  'early-end': fault(async (call) => {
    const at = placeOfCut(call, Buffer.byteLength(streamText(call)) - 1);
    await call.streamHead(call.params.get('framing') === 'length' ? at : 'chunked');
    await sendEvents(call, eventsOf(call, planOf(call)), { limit: at });
    await call.end();
  }),
  /** A stream that lasts until the end of the connection (U8). */
  'cut-close': fault(async (call) => {
    await call.streamHead('close');
    await partOfStream(call);
    await cut(call);
  }),
  /** A stream that said how long it would be (U7). */
  'cut-length': fault(async (call) => {
    await call.streamHead(1_000_000);
    await partOfStream(call);
    await cut(call);
  }),
  /** JSON, shorter than it said (U7). `framing`: `length` (default), `close` or `chunked`, which ends as if all were well. */
  'cut-json': fault(async (call) => {
    const bytes = Buffer.from(jsonText(call, planOf(call)));
    const framing = call.params.get('framing');
    await call.head(
      200,
      ['content-type', 'application/json'],
      framing === 'close' || framing === 'chunked' ? framing : bytes.length,
    );
    await call.body(bytes.subarray(0, placeOfCut(call, bytes.length)));
    if (framing === 'chunked') await call.end();
    else await cut(call);
  }),
  /** In the middle of the head. */
  'cut-head': fault(async (call) => {
    await call.raw('HTTP/1.1 200 OK\r\ncontent-type: text/ev');
    await cut(call);
  }),
  /** Before any byte. */
  'cut-before': fault(async (call) => call.cut(how(call))),
  /** Before any byte, after `after` milliseconds (2500) of work. */
  'cut-late': fault(async (call) => {
    await call.sleep(call.number('after', 2_500));
    call.cut(how(call));
  }),
  /** The whole stream, then the connection breaks instead of ending (U9). */
  'cut-after': fault(async (call) => {
    await call.streamHead('chunked');
    await sendEvents(call, eventsOf(call, planOf(call)));
    await cut(call);
  }),
  /** The whole JSON until the end of the connection, which is a reset. */
  'json-rst': fault(async (call) => {
    await call.head(200, ['content-type', 'application/json'], 'close');
    await call.body(jsonText(call, planOf(call)));
    bookJson(call.entry, planOf(call));
    await cut(call, 'rst');
  }),
};

function how(call: Call): string {
  return call.params.get('how') ?? 'fin';
}

async function cut(call: Call, kind: string = how(call)): Promise<void> {
  // A reset would overtake what the peer has not read, and with it the place of the cut.
  if (kind === 'rst') await call.sleep(30);
  call.cut(kind);
}

function placeOfCut(call: Call, length: number): number {
  return call.number('at', integerBetween(call.random, 1, length - 1));
}

async function partOfStream(call: Call): Promise<void> {
  const text = streamText(call);
  // The stream is over with the first of the two line ends that follow its terminal event.
  const limit = placeOfCut(call, Buffer.byteLength(text) - 1);
  await sendEvents(call, eventsOf(call, planOf(call)), { limit });
}
