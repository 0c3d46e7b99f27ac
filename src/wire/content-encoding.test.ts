import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { type ErrorCode, RouterError } from '../errors.ts';
import { createInflater, decodeBody, type Inflater } from './content-encoding.ts';

const MB = 1_048_576;
const plain = Buffer.from(`{"model":"m","text":"${'ship after ship, '.repeat(500)}"}`);

const encoders: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  deflate: zlib.deflateSync,
  'deflate without header': zlib.deflateRawSync,
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  zstd: zlib.zstdCompressSync,
};
const cases = Object.entries(encoders).map(([name, encode]) => ({ name, coding: name.split(' ')[0] ?? '', encode }));

async function refused(code: ErrorCode, bytes: Buffer, coding: string, maxBytes = MB): Promise<void> {
  await assert.rejects(decodeBody(bytes, coding, maxBytes), (error) => {
    assert.ok(error instanceof RouterError);
    assert.equal(error.code, code);
    return true;
  });
}

/** Collects what an inflater delivers; `finish` resolves when it says that it is done. */
function collect(
  coding: string,
  maxBytes = 64 * MB,
): { inflater: Inflater; text: () => string; finish: () => Promise<void> } {
  const chunks: Buffer[] = [];
  const inflater = createInflater(coding, (bytes) => chunks.push(bytes), maxBytes);
  return {
    inflater,
    text: () => Buffer.concat(chunks).toString(),
    finish: () => new Promise((resolve) => inflater.end(resolve)),
  };
}

describe('decodeBody', () => {
  for (const { name, coding, encode } of cases) {
    test(`CL4 ${name}: undone; a cut or wrong body is refused; the cap holds exactly`, async () => {
      const encoded = encode(plain);
      assert.deepEqual(await decodeBody(encoded, coding, plain.length), plain);
      await refused('body_too_large', encoded, coding, plain.length - 1);
      for (const length of [0, 1, encoded.length >> 1, encoded.length - 1]) {
        await refused('invalid_request', encoded.subarray(0, length), coding);
      }
      await refused('invalid_request', Buffer.concat([encoded, Buffer.from('more')]), coding);
      await refused('invalid_request', plain, coding);
    });

    test(`CL4 ${name}: a bomb costs no memory beyond the cap`, async () => {
      const bomb = encode(Buffer.alloc(128 * MB));
      const before = process.memoryUsage().arrayBuffers;
      await refused('body_too_large', bomb, coding, 4 * MB);
      assert.ok(process.memoryUsage().arrayBuffers - before < 32 * MB);
    });
  }

  test('CL4 two codings are undone in reverse order, names are case-insensitive, identity counts for nothing', async () => {
    const encoded = zlib.brotliCompressSync(zlib.gzipSync(plain));
    assert.deepEqual(await decodeBody(encoded, 'GZIP , identity,Br', MB), plain);
    assert.deepEqual(await decodeBody(plain, '', MB), plain);
    assert.deepEqual(await decodeBody(plain, 'identity', MB), plain);
    await refused('body_too_large', plain, 'identity', plain.length - 1);
    await refused('body_too_large', zlib.gzipSync(zlib.gzipSync(Buffer.alloc(128 * MB))), 'gzip, gzip', 64 * 1024);
  });

  test('CL4 a gzip body of several members is one body', async () => {
    assert.deepEqual(
      await decodeBody(Buffer.concat([zlib.gzipSync(plain), zlib.gzipSync(plain)]), 'gzip', MB),
      Buffer.concat([plain, plain]),
    );
  });

  test('CL4 unknown codings and long chains are refused unread', async () => {
    for (const coding of ['compress', 'gzip, snappy', 'gzip;q=1', '__proto__', Array(1000).fill('gzip').join(',')]) {
      await refused('body_encoding_unsupported', plain, coding);
    }
  });

  test('CL4 a zstd frame that asks for a window above 8 MB is refused', async () => {
    const windowed = (windowLog: number) =>
      new Promise<Buffer>((resolve) => {
        const chunks: Buffer[] = [];
        const stream = zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_windowLog]: windowLog } });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
        // A frame that is written in one go declares its size instead of a window.
        stream.write(plain);
        stream.end();
      });
    assert.deepEqual(await decodeBody(await windowed(23), 'zstd', MB), plain);
    await refused('invalid_request', await windowed(27), 'zstd');
  });
});

describe('createInflater', () => {
  for (const { name, coding, encode } of cases) {
    test(`${name}: any chunking delivers the whole text`, async () => {
      const encoded = encode(plain);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: encoded.length + 1 }), async (size) => {
          const { inflater, text, finish } = collect(coding);
          for (let i = 0; i < encoded.length; i += size) inflater.push(encoded.subarray(i, i + size));
          await finish();
          assert.equal(inflater.failed, undefined);
          assert.equal(text(), plain.toString());
        }),
        { numRuns: 10 },
      );
    });

    test(`U17 ${name}: broken, cut and endless answers fail quietly`, async () => {
      const encoded = encode(plain);
      const bomb = encode(Buffer.alloc(32 * MB));
      for (const [bytes, maxBytes, why] of [
        [plain, MB, 'broken'],
        [encoded.subarray(0, encoded.length - 2), MB, 'broken'],
        [bomb, MB, 'unread'],
      ] as const) {
        const { inflater, text, finish } = collect(coding, maxBytes);
        inflater.push(bytes);
        await finish();
        assert.equal(inflater.failed, why);
        assert.ok(text().length <= maxBytes);
        inflater.push(bytes);
        await finish();
      }
    });
  }

  test('two codings, and none', async () => {
    for (const [coding, bytes] of [
      ['deflate, gzip', zlib.gzipSync(zlib.deflateSync(plain))],
      ['identity', plain],
    ] as const) {
      const { inflater, text, finish } = collect(coding);
      inflater.push(bytes);
      await finish();
      assert.equal(text(), plain.toString());
      assert.equal(inflater.failed, undefined);
    }
  });

  test('an unknown coding has failed from the start', async () => {
    const { inflater, text, finish } = collect('gzip, lzma');
    assert.equal(inflater.failed, 'unread');
    inflater.push(plain);
    await finish();
    assert.equal(text(), '');
  });

  test('a listener that throws is not called again, and nobody else notices', async () => {
    let calls = 0;
    const inflater = createInflater(
      'gzip',
      () => {
        calls += 1;
        throw new Error('listener');
      },
      MB,
    );
    inflater.push(zlib.gzipSync(Buffer.alloc(MB / 2)));
    await new Promise<void>((resolve) => inflater.end(resolve));
    assert.deepEqual([calls, inflater.failed], [1, 'unread']);
  });

  test('nothing is delivered after close, which is no failure', async () => {
    const { inflater, text, finish } = collect('gzip');
    inflater.push(zlib.gzipSync(plain));
    const done = finish();
    inflater.close();
    await done;
    // Whatever the decoder had under way has come by then.
    await new Promise((resolve) => zlib.gzip(plain, resolve));
    assert.equal(text(), '');
    assert.equal(inflater.failed, undefined);
  });

  test('U17 an answer that waits for the decoder is dropped before it fills the memory', async () => {
    const { inflater, finish } = collect('gzip');
    const chunk = Buffer.alloc(MB);
    inflater.push(zlib.gzipSync(plain).subarray(0, 20));
    for (let i = 0; i < 9; i += 1) inflater.push(chunk);
    assert.equal(inflater.failed, 'unread');
    await finish();
  });
});
