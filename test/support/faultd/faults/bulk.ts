import { gzipSync } from 'node:zlib';
import type { Call } from '../call.ts';
import { fault } from '../fault.ts';
import { bookJson, planOf, streamText } from '../message.ts';

/** Large and compressed answers. */
export const bulkFaults = {
  /** A stream with one line of `bytes` (200 000 000) and no end of it (U15). */
  'endless-line': fault(async (call) => {
    await call.streamHead();
    await call.body('event: content_block_delta\ndata: ');
    await filler(call, call.number('bytes', 200_000_000));
    await call.end();
  }),
  /** JSON or a stream that inflates to `bytes` (200 000 000) (U17). `coding`: the header, default gzip. */
  bomb: fault(async (call) => {
    const type = call.params.get('type') ?? 'application/json';
    const bytes = bombOf(call.number('bytes', 200_000_000));
    await call.head(200, ['content-type', type, 'content-encoding', call.params.get('coding') ?? 'gzip'], bytes.length);
    await call.body(bytes);
  }),
  /** A stream in gzip that nobody asked for. `cut`: bytes of it that come. `coding`: what the header says. */
  gzip: fault(async (call) => {
    const bytes = gzipSync(streamText(call));
    await call.streamHead('chunked', ['content-encoding', call.params.get('coding') ?? 'gzip']);
    await call.body(bytes.subarray(0, call.number('cut', bytes.length)));
    // What nobody can read, nobody can book.
    if (!call.params.has('cut') && !call.params.has('coding')) bookJson(call.entry, planOf(call));
    await call.end();
  }),
};

async function filler(call: Call, count: number): Promise<void> {
  const piece = Buffer.alloc(65_536, 'x');
  for (let left = count; left > 0; left -= piece.length)
    await call.body(piece.subarray(0, Math.min(left, piece.length)));
}

let made: { readonly size: number; readonly bytes: Buffer } | undefined;

function bombOf(size: number): Buffer {
  made = made?.size === size ? made : { size, bytes: gzipSync(Buffer.alloc(size, 0x20)) };
  return made.bytes;
}
