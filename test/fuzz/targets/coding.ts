import assert from 'node:assert/strict';
import * as zlib from 'node:zlib';
import { RouterError } from '../../../src/errors.ts';
import { createInflater, decodeBody } from '../../../src/wire/content-encoding.ts';
import { pieces, type Target } from '../target.ts';

const MAX_BYTES = 10_000;
const REFUSALS = new Set(['body_encoding_unsupported', 'body_too_large', 'invalid_request']);

const ENCODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  raw: (bytes) => zlib.deflateRawSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } }),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
};

/**
 * `content-encoding`, a line end, and a body as it came. Behind `+ENCODER`, the body is plain and is encoded first. What comes
 * out is what went in and within the limit, or a refusal; decoding while it passes finds the same.
 */
export const coding: Target = {
  name: 'coding',
  modules: ['wire/content-encoding.ts'],
  seeds: [
    ...Object.keys(ENCODERS).map((name) => `${name === 'raw' ? 'deflate' : name}+${name}\nship after ship after ship`),
    ...Object.entries(ENCODERS).map(([name, encode]) =>
      Buffer.concat([Buffer.from(`${name === 'raw' ? 'deflate' : name}\n`), encode(Buffer.from('ship after ship'))]),
    ),
    Buffer.concat([Buffer.from('gzip, deflate\n'), zlib.deflateSync(zlib.gzipSync('twice'))]),
    Buffer.concat([Buffer.from('gzip\n'), zlib.gzipSync(Buffer.alloc(MAX_BYTES + 1))]),
    'identity\nplain',
  ],
  words: [
    ...['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'identity', 'GZIP', ', ', '\n', '+gzip', '+br', '+raw', '+zstd'],
    ...['\x1f', '\x78', '\x08', '\0\0\0', '(', ';q=1', 'compress'],
  ],
  async check(input) {
    const { name, body, plain } = readInput(input);
    const whole = await decoded(body, name);
    if (plain && whole) assert.deepEqual(whole, plain);
    const passed = await inflated(body, name);
    assert.ok(passed.bytes.length <= MAX_BYTES);
    if (whole) assert.deepEqual(passed, { state: 'whole', bytes: whole });
  },
};

function readInput(input: Buffer): { name: string; body: Buffer; plain?: Buffer } {
  const end = input.indexOf(0x0a);
  const [name = '', encoder = ''] = input.toString('latin1', 0, Math.max(0, end)).split('+');
  const rest = input.subarray(end + 1);
  if (!Object.hasOwn(ENCODERS, encoder)) return { name, body: rest };
  const matches = encoder === name || (encoder === 'raw' && name === 'deflate' && isRaw(rest));
  const body = ENCODERS[encoder]!(rest);
  return matches ? { name, body, plain: rest } : { name, body };
}

/** Whether the first byte tells a raw stream from one with a header. */
function isRaw(bytes: Buffer): boolean {
  return (zlib.deflateRawSync(bytes)[0]! & 0x0f) !== 8;
}

async function decoded(body: Buffer, name: string): Promise<Buffer | undefined> {
  try {
    const bytes = await decodeBody(body, name, MAX_BYTES);
    assert.ok(bytes.length <= MAX_BYTES);
    return bytes;
  } catch (error) {
    assert.ok(error instanceof RouterError && REFUSALS.has(error.code), String(error));
    return undefined;
  }
}

async function inflated(body: Buffer, name: string): Promise<{ state: 'whole' | 'failed'; bytes: Buffer }> {
  const chunks: Buffer[] = [];
  const inflater = createInflater(name, (bytes) => void chunks.push(Buffer.from(bytes)), MAX_BYTES);
  for (const piece of pieces(body)) inflater.push(piece);
  await new Promise<void>((resolve) => inflater.end(resolve));
  return { state: inflater.failed ? 'failed' : 'whole', bytes: Buffer.concat(chunks) };
}
