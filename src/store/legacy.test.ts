import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { formatTokensBin, parseTokensBin } from './legacy-bin.ts';
import { formatTokensLino, parseTokensLino } from './legacy-lino.ts';
import { fromLegacy } from './legacy-record.ts';
import type { TokenRecord } from './store.ts';

const fixture = (name: string) => readFileSync(new URL(`../../test/fixtures/tokens/${name}`, import.meta.url));

const RECORD = fromLegacy({
  id: 'a',
  label: 'test "label"',
  issued_at: 1_700_000_000,
  expires_at: 1_700_001_000,
  revoked: false,
  account: 'primary',
});

const seconds = fc.integer({ min: 0, max: 4_000_000_000 });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
/** Records that those files can hold, in the order in which they hold them. */
const records: fc.Arbitrary<TokenRecord[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.oneof(fc.uuid(), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })),
      label: fc.oneof(text, fc.constantFrom('', '\\', '"', '\n\r\t', '(revoked true)', '# no comment', 'Zoë 🦊')),
      issued_at: seconds,
      expires_at: seconds,
      revoked: fc.boolean(),
      account: fc.option(text),
    }),
    { selector: ({ id }) => id, maxLength: 8 },
  )
  .map((all) => all.map((record) => fromLegacy(record)))
  .map((all) => all.toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))));

const line = (content: string) => parseTokensLino(`# comment\n\n${content}\r\n`);

const file = (...jsons: string[]) => {
  const parts = jsons.flatMap((json) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(json));
    return [length, Buffer.from(json)];
  });
  return Buffer.concat([Buffer.from('LARTOK01'), ...parts]);
};

describe('tokens.lino of 0.17.0', () => {
  const bytes = fixture('tokens.lino').toString('utf8');

  it('the vector of section 3.4 is read and written byte for byte', () => {
    assert.deepEqual(parseTokensLino(bytes), [RECORD]);
    assert.equal(formatTokensLino([RECORD]), bytes);
  });

  it('what is written is read back', () => {
    fc.assert(fc.property(records, (all) => assert.deepEqual(parseTokensLino(formatTokensLino(all)), all)));
  });

  it('takes fields in any order, and defaults for missing ones', () => {
    assert.deepEqual(line('(token a (account primary) (revoked yes) (expires_at 20) (issued_at 10))'), [
      { ...RECORD, label: '', issuedAt: 10, expiresAt: 20, revokedAt: 10 },
    ]);
  });

  it('a revocation gets the moment that is given', () => {
    assert.equal(parseTokensLino('(token a (revoked 1))', 99)[0]?.revokedAt, 99);
    assert.equal(parseTokensLino('(token a (revoked 0))', 99)[0]?.revokedAt, null);
  });

  it('reads escapes, parentheses in strings and text that is not ASCII', () => {
    const [record] = line(String.raw`(token a (label "a\n\r\t\"\\\x(b) Zoë 🦊"))`);
    assert.equal(record?.label, 'a\n\r\t"\\x(b) Zoë 🦊');
  });

  for (const [content, problem] of [
    ['token a', /line 3: not one list/],
    ['(token a', /line 3: not one list/],
    ['(token a))', /line 3: not one list/],
    ['(token a) (token b)', /line 3: not one list/],
    ['(link a)', /line 3: not a \(token/],
    ['(token)', /line 3: the id is missing/],
    ['(token (label "x"))', /line 3: the id is missing/],
    ['(token a (color red))', /line 3: unknown field color/],
    ['(token a (label))', /line 3: label needs one value/],
    ['(token a (label "x" "y"))', /line 3: label needs one value/],
    ['(token a (label (x)))', /line 3: label needs one value/],
    ['(token a label)', /line 3: label is not a \(field value\)/],
    ['(token a (label "x))', /line 3: a quoted string without an end at column 17/],
    ['(token a (issued_at soon))', /line 3: issued_at is not a number/],
    ['(token a (expires_at 99999999999999999))', /line 3: expires_at is not a number/],
    ['(token a (revoked maybe))', /line 3: revoked is neither/],
    ['(token a (revoked true) (revoked false))', /line 3: a field stands there twice/],
  ] as const) {
    it(`refuses ${content}`, () => assert.throws(() => line(content), problem));
  }
});

describe('tokens.bin of 0.17.0', () => {
  const bytes = fixture('tokens.bin');
  it('the vector of section 3.5 is read and written byte for byte', () => {
    const sha256 = '51d6e8fe3f76f0d15c15dc8927ab9ef55f799c9fe845e0b00596d8ad2e2e3416';
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    assert.deepEqual(parseTokensBin(bytes), [RECORD]);
    assert.deepEqual(formatTokensBin([RECORD]), bytes);
  });

  it('what is written is read back', () => {
    fc.assert(fc.property(records, (all) => assert.deepEqual(parseTokensBin(formatTokensBin(all)), all)));
  });

  it('a file that is too short for the magic is an empty store', () => {
    for (let length = 0; length < 8; length += 1) assert.deepEqual(parseTokensBin(bytes.subarray(0, length)), []);
  });

  it('a file that is cut anywhere in a record is refused, by offset', () => {
    const two = Buffer.concat([bytes, bytes.subarray(8)]);
    for (let length = bytes.length + 1; length < two.length; length += 1) {
      assert.throws(() => parseTokensBin(two.subarray(0, length)), /the record at offset 130 is cut/);
    }
    assert.equal(parseTokensBin(two).length, 2);
  });

  it('account may be missing or null', () => {
    const start = '{"id":"a","label":"","issued_at":1,"expires_at":2,"revoked":false';
    const accounts = parseTokensBin(file(`${start}}`, `${start},"account":null}`)).map(({ account }) => account);
    assert.deepEqual(accounts, [null, null]);
  });

  for (const [what, content, problem] of [
    ['another magic', Buffer.from('LARTOK02'), /invalid binary magic header at offset 0/],
    ['a length beyond the file', Buffer.from('LARTOK01\xff\xff\xff\xff{}', 'latin1'), /offset 8 is cut/],
    ['broken JSON', file('{'), /offset 8 is invalid/],
    ['no object', file('[]'), /offset 8 is invalid/],
    ['no id', file('{"issued_at":1,"expires_at":2}'), /offset 8 is invalid.*id/],
    ['a wrong type', file('{"id":"a","issued_at":"1","expires_at":2}'), /offset 8 is invalid.*issued_at/],
    ['an unknown member', file('{"id":"a","issued_at":1,"expires_at":2,"cap":1}'), /offset 8 is invalid.*cap/],
    ['broken UTF-8', Buffer.from('LARTOK01\x03\x00\x00\x00"\xff"', 'latin1'), /offset 8 is invalid/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => parseTokensBin(content), problem));
  }
});
