import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { RouterError } from '../errors.ts';

/** Every coding multiplies what a small body can grow to, and no client uses more than one. */
const MAX_CODINGS = 2;
/** A copy of an answer that inflates to more than this is read on only while the ratio is one of text, not of a bomb (U17). */
const FREE_INFLATED_BYTES = 4 * 1024 * 1024;
const MAX_RATIO = 100;
/** Bytes that may wait for a decoder that is slower than the network. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/** Largest window that a zstd decoder has to accept, and the largest it should: 8 MB (RFC 9659). */
const zstdParams = { [zlib.constants.ZSTD_d_windowLogMax]: 23 };
const wholeBody = { rejectGarbageAfterEnd: true };

interface Coding {
  decode(bytes: Buffer, limit: { maxOutputLength: number }): Promise<Buffer>;
  /** `first` is the first byte of the encoded stream. */
  stream(first: number): Transform;
}

const gunzip = promisify(zlib.gunzip);
const inflate = promisify(zlib.inflate);
const inflateRaw = promisify(zlib.inflateRaw);
const brotliDecompress = promisify(zlib.brotliDecompress);
const zstdDecompress = promisify(zlib.zstdDecompress);

const gzip: Coding = {
  // A second member may follow the first (RFC 1952); other bytes after the end are refused by zlib itself.
  decode: (bytes, limit) => gunzip(bytes, limit),
  stream: () => zlib.createGunzip(),
};

/** RFC 9110 section 8.4.1, RFC 7932, RFC 8878. */
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', gzip],
  ['x-gzip', gzip],
  [
    'deflate',
    {
      decode: (bytes, limit) => (isZlib(bytes[0] ?? 0) ? inflate : inflateRaw)(bytes, { ...wholeBody, ...limit }),
      stream: (first) => (isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw()),
    },
  ],
  [
    'br',
    {
      decode: (bytes, limit) => brotliDecompress(bytes, { ...wholeBody, ...limit }),
      stream: () => zlib.createBrotliDecompress(),
    },
  ],
  [
    'zstd',
    {
      decode: (bytes, limit) => zstdDecompress(bytes, { ...wholeBody, ...limit, params: zstdParams }),
      stream: () => zlib.createZstdDecompress({ params: zstdParams }),
    },
  ],
]);

/** `deflate` means the zlib format, but some senders leave its header out. Its first byte names the method, 8. */
function isZlib(first: number): boolean {
  return (first & 0x0f) === 8;
}

/** The codings to undo, in that order; `undefined` when there are too many or unknown ones. */
function decodersOf(contentEncoding: string): Coding[] | undefined {
  const names = contentEncoding
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const codings = names.map((name) => CODINGS.get(name)).filter((coding) => coding !== undefined);
  return codings.length === names.length && codings.length <= MAX_CODINGS ? codings.toReversed() : undefined;
}

/** Whether an `Inflater` can read such an answer. */
export function canDecode(contentEncoding: string): boolean {
  return decodersOf(contentEncoding) !== undefined;
}

/**
 * Undoes the `content-encoding` of a request body (CL4). Rejects with `body_encoding_unsupported`, with `body_too_large` as
 * soon as more than `maxBytes` came out (memory stays near that cap), and with `invalid_request` for broken data.
 */
export async function decodeBody(bytes: Buffer, contentEncoding: string, maxBytes: number): Promise<Buffer> {
  const codings = decodersOf(contentEncoding);
  if (!codings) {
    throw new RouterError(
      'body_encoding_unsupported',
      `content-encoding: at most ${MAX_CODINGS} of ${[...CODINGS.keys()].join(', ')} are understood.`,
    );
  }
  let decoded = bytes;
  for (const coding of codings) {
    try {
      decoded = await coding.decode(decoded, { maxOutputLength: maxBytes });
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
      throw new RouterError('invalid_request', 'The request body is not what its content-encoding says.', { cause });
    }
  }
  if (decoded.length > maxBytes) throw tooLarge(maxBytes);
  return decoded;
}

function tooLarge(maxBytes: number): RouterError {
  return new RouterError('body_too_large', `The decoded request body is larger than ${maxBytes} bytes.`);
}

/** Decodes a copy of a compressed answer while it passes. None of its methods throws. */
export interface Inflater {
  /** Decoded bytes come later, from a thread of the pool. `chunk` must stay as it is until then. */
  push(chunk: Buffer): void;
  /** No more chunks. `done` is called once: when all bytes were delivered, or none will be any more. */
  end(done: () => void): void;
  /** Frees the decoder. Nothing is delivered after it. */
  close(): void;
  /**
   * It gave up, and nothing comes after that. `unread`: unknown coding, more than the cap, a bomb, or a listener that threw. `broken`: the
   * data are not what the coding says, or not all of it.
   */
  readonly failed: 'unread' | 'broken' | undefined;
}

/** `maxBytes` caps what is delivered, and what passes between two codings. */
export function createInflater(contentEncoding: string, onBytes: (bytes: Buffer) => void, maxBytes: number): Inflater {
  return new StreamInflater(contentEncoding, onBytes, maxBytes);
}

class StreamInflater implements Inflater {
  readonly #codings: readonly Coding[];
  readonly #streams: (Transform | undefined)[] = [];
  /** Bytes that came out of each coding. */
  readonly #sizes: number[] = [];
  readonly #onBytes: (bytes: Buffer) => void;
  readonly #maxBytes: number;
  #pushed = 0;
  #done: (() => void) | undefined;
  #closed = false;
  failed: Inflater['failed'];

  constructor(contentEncoding: string, onBytes: (bytes: Buffer) => void, maxBytes: number) {
    const codings = decodersOf(contentEncoding);
    this.#codings = codings ?? [];
    this.#onBytes = onBytes;
    this.#maxBytes = maxBytes;
    if (!codings) this.#fail('unread');
  }

  push(chunk: Buffer): void {
    this.#pushed += chunk.length;
    if (chunk.length > 0) this.#write(0, chunk);
  }

  end(done: () => void): void {
    if (this.#closed) return done();
    this.#done = done;
    this.#finish(0);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream?.destroy();
    this.#done?.();
  }

  #fail(why: 'unread' | 'broken'): void {
    if (this.#closed) return;
    this.failed = why;
    this.close();
  }

  /** Gives bytes to the coding at `index`, or to the listener after the last one. */
  #write(index: number, bytes: Buffer): void {
    if (this.#closed) return;
    const size = (this.#sizes[index] ?? 0) + (index === 0 && this.#codings.length > 0 ? 0 : bytes.length);
    this.#sizes[index] = size;
    const isBomb = size > FREE_INFLATED_BYTES && size > MAX_RATIO * this.#pushed;
    if (size > this.#maxBytes || isBomb) return this.#fail('unread');
    try {
      const coding = this.#codings[index];
      if (!coding) return this.#onBytes(bytes);
      const stream = (this.#streams[index] ??= this.#start(index, coding.stream(bytes[0] ?? 0)));
      stream.write(bytes);
      if (stream.writableLength > MAX_QUEUED_BYTES) this.#fail('unread');
    } catch {
      this.#fail('unread');
    }
  }

  #start(index: number, stream: Transform): Transform {
    return stream
      .on('data', (bytes: Buffer) => this.#write(index + 1, bytes))
      .on('end', () => this.#finish(index + 1))
      .on('error', () => this.#fail('broken'));
  }

  /** Nothing more comes for the coding at `index`. */
  #finish(index: number): void {
    const stream = this.#streams[index];
    if (stream) stream.end();
    else this.close();
  }
}
