import type { Call } from '../call.ts';
import { fault } from '../fault.ts';
import { bookJson, event, eventsOf, planOf, streamText } from '../message.ts';

/** Ways to write a stream that a careless parser stumbles over (U13). */
const SPELLINGS: Readonly<Record<string, (text: string) => string | Buffer>> = {
  cr: (text) => text.replaceAll('\n', '\r'),
  crlf: (text) => text.replaceAll('\n', '\r\n'),
  mixed: (text) => text.replaceAll('\ndata', '\rdata').replaceAll('\n\n', '\r\n\n'),
  bom: (text) => `\uFEFF${text}`,
  'no-space': (text) => text.replaceAll(': {', ':{').replaceAll('event: ', 'event:'),
  comments: (text) => text.replaceAll('event:', ': a remark\nid: 7\nretry: 10\nunknown\nevent:'),
  'no-names': (text) => text.replaceAll(/event: \w+\n/g, ''),
  nul: (text) => text.replace('event: content_block_delta', 'x: \0\0\nevent: content_block_delta'),
  split: (text) => text.replaceAll('"delta":', '\ndata: "delta":'),
  utf8: (text) => Buffer.concat([Buffer.from(': \xc3(', 'latin1'), Buffer.from(`\n${text}`)]),
  // The last event is never dispatched: to a parser, the stream has no end.
  'no-blank-line': (text) => text.replace(/\n$/, ''),
};

export const spellings: readonly string[] = Object.keys(SPELLINGS);

/** Streams that are odd in their content. */
export const sseFaults = {
  /** `as`: one of `spellings`; `size`: bytes per write (3), so that everything is cut through the middle. */
  spelling: fault(async (call) => {
    const spell = SPELLINGS[call.params.get('as') ?? ''];
    if (!spell) throw new Error(`there is no spelling ${call.params.get('as')}`);
    await call.streamHead();
    await inPieces(call, Buffer.from(spell(streamText(call))), call.number('size', 3));
    bookJson(call.entry, planOf(call));
    await call.end();
  }),
  /** The JSON text `usage` stands in the final event (U14), `start` in the first one. */
  usage: fault(async (call) => {
    await call.streamHead();
    for (const one of eventsOf(call, planOf(call))) {
      const name = /^event: (\S+)/.exec(one)![1];
      const wanted =
        name === 'message_start'
          ? call.params.get('start')
          : name === 'message_delta'
            ? call.params.get('usage')
            : null;
      await call.body(wanted === null ? one : one.replace(/"usage":\{[^}]*\}/, `"usage":${wanted}`));
    }
    await call.end();
    call.entry.terminal = true;
  }),
  /** A delta of `bytes` (2 MiB) without a line end, then the rest; `cut=1`: then the end without the rest (U15). */
  'huge-event': fault(async (call) => {
    await call.streamHead();
    const events = [...eventsOf(call, planOf(call))];
    await call.body(events.slice(0, 2).join(''));
    const [before, after] = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: '@' } }).split(
      '@',
    );
    await call.body(before!);
    const piece = Buffer.alloc(65_536, 'x');
    for (let left = call.number('bytes', 2_097_152); left > 0; left -= piece.length) {
      await call.body(piece.subarray(0, Math.min(left, piece.length)));
    }
    if (!call.params.has('cut')) {
      await call.body(after! + events.slice(2).join(''));
      bookJson(call.entry, planOf(call));
    }
    await call.end();
  }),
};

async function inPieces(call: Call, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) await call.body(bytes.subarray(at, at + size));
}
