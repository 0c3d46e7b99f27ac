import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import loadWabt from 'wabt';
import { endOfString } from './string-end.ts';

/** The plainest way to say it. */
function naiveEnd(bytes: Buffer, start: number): number | undefined {
  for (let pos = start; pos < bytes.length; pos += 1) {
    if (bytes[pos] === 0x5c) pos += 1;
    else if (bytes[pos] === 0x22) return pos + 1;
  }
  return undefined;
}

test('the compiled module is what its source says', async () => {
  const wabt = await loadWabt();
  const source = readFileSync(new URL('string-end.wat', import.meta.url), 'utf8');
  const { buffer } = wabt.parseWat('string-end.wat', source, { simd: true }).toBinary({});
  const pieces = readFileSync(new URL('string-end.ts', import.meta.url), 'utf8').matchAll(/'([\w+/=]{20,})'/g);
  assert.equal(Array.from(pieces, ([, piece]) => piece).join(''), Buffer.from(buffer).toString('base64'));
});

test('strings of every length and with quotes and escapes anywhere end where they end', () => {
  const piece = fc.oneof(
    fc.constantFrom('"', '\\', '\\\\', '\\"', 'é', ''),
    fc.nat(2000).map((count) => 'x'.repeat(count)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(20), (pieces, start) => {
      const bytes = Buffer.from(pieces.join(''));
      assert.equal(endOfString(bytes, start), naiveEnd(bytes, start));
    }),
    { numRuns: 5000 },
  );
});

test('an end, and an escape, at every edge of what is looked at at a time', () => {
  for (const edge of [255, 256, 257, 256 + 1024, 256 + 1024 + 8192, 256 + 1024 + 8192 + 65_536]) {
    for (let length = edge - 18; length <= edge + 18; length += 1) {
      for (const [tail, end] of [
        ['"', length + 1],
        ['\\""', length + 3],
        ['\\', undefined],
        ['', undefined],
      ] as const) {
        assert.equal(endOfString(Buffer.from('x'.repeat(length) + tail), 0), end, `${length} and ${tail}`);
      }
    }
  }
});
