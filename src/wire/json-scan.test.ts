import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { JsonScanError, readBoolean, readInteger, readString, type JsonScan, scanJson } from './json-scan.ts';

const limits = { maxDepth: 128, maxTokens: 1_000_000 };
const unlimited = { maxDepth: 1_000_000, maxTokens: 100_000_000 };

const scan = (text: string | Buffer, given = limits): JsonScan => scanJson(Buffer.from(text), given);

function refusal(text: string | Buffer, given = limits): JsonScanError {
  let thrown: unknown;
  try {
    scanJson(Buffer.from(text), given);
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof JsonScanError, `not refused: ${text.toString().slice(0, 80)}`);
  return thrown;
}

function accepts(text: string): boolean | 'duplicate' {
  try {
    scan(text, unlimited);
    return true;
  } catch (error) {
    if (!(error instanceof JsonScanError)) throw error;
    return error.reason === 'duplicate' ? 'duplicate' : false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON text with white space in every place where it may stand. */
function render(value: unknown, space: () => string): string {
  const wrap = (text: string) => space() + text + space();
  if (Array.isArray(value)) return wrap(`[${value.map((item) => render(item, space)).join(',') || space()}]`);
  if (typeof value !== 'object' || value === null) return wrap(JSON.stringify(value));
  const members = Object.entries(value).map(([key, item]) => `${wrap(JSON.stringify(key))}:${render(item, space)}`);
  return wrap(`{${members.join(',') || space()}}`);
}

const MB = 1_048_576;
const keys = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',');
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const byKey = (a: unknown[], b: unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: fc.constantFrom('\\', '"', 'x', 'é', '\n'), maxLength: 120 }),
);
const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 });
const topLevel = fc.oneof(json, fc.dictionary(text, fc.oneof(json, text), { maxKeys: 12 }));
const spaces = fc.array(fc.constantFrom('', '', ' ', '\n', '\r\n', '\t', '   '), { minLength: 1, maxLength: 20 });
const document = fc.tuple(topLevel, spaces).map(([value, spaces]) => {
  let i = 0;
  return render(value, () => spaces[i++ % spaces.length] ?? '');
});

describe('scanJson', () => {
  test('accepts every JSON text, and finds the members that JSON.parse finds', () => {
    fc.assert(
      fc.property(document, (document) => {
        const bytes = Buffer.from(document);
        const value: unknown = JSON.parse(bytes.toString());
        const { kind, members } = scanJson(bytes, unlimited);
        assert.equal(kind, value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
        const expected = kind === 'object' ? Object.entries(Object(value)) : [];
        const found = [...members].map(([key, { start, end }]) => {
          const span = bytes.toString('utf8', start, end);
          assert.equal(span, span.trim());
          return [key, JSON.parse(span)];
        });
        assert.deepEqual(found.toSorted(byKey), expected.toSorted(byKey));
      }),
      { numRuns: 1000 },
    );
  });

  test('refuses what JSON.parse refuses, for random damage to the structure', () => {
    // Quotes and backslashes are left out: strings may hold what JSON.parse refuses.
    const damage = fc.constantFrom(
      '',
      ' ',
      ',',
      ':',
      '[',
      ']',
      '{',
      '}',
      '0',
      '-',
      '.',
      'e',
      'E+',
      '1',
      'true',
      'nul',
      '\u00a0',
    );
    const shape = fc.constantFrom(
      '{"a":[1,-0.5e+10,{"b":null},[]],"c":{},"d":true}',
      '[[],{},[{"a":{"b":[false,0]}}],"x",12.25E-3]',
      '{"a":"x","b":[ 1 , 2 ],"c":"y"}',
      '-0.0',
      'false',
    );
    fc.assert(
      fc.property(shape, fc.nat(), fc.nat({ max: 3 }), damage, (shape, at, cut, damage) => {
        const start = at % (shape.length + 1);
        const damaged = shape.slice(0, start) + damage + shape.slice(start + cut);
        const accepted = accepts(damaged);
        // A cut through quotes can make two keys the same.
        fc.pre(accepted !== 'duplicate');
        assert.equal(accepted, parses(damaged), damaged);
      }),
      { numRuns: 5000 },
    );
  });

  test('the number grammar is that of RFC 8259', () => {
    const character = fc.constantFrom('0', '1', '9', '-', '+', '.', 'e', 'E');
    fc.assert(
      fc.property(fc.string({ unit: character, minLength: 1, maxLength: 7 }), (number) => {
        assert.equal(accepts(number), parses(number), number);
        assert.equal(accepts(`[${number}]`), parses(`[${number}]`), number);
      }),
      { numRuns: 3000 },
    );
  });

  test('says where the text stops being JSON', () => {
    const cases: [string, number][] = [
      ['', 0],
      [' ', 1],
      ['\ufeff{}', 0],
      ['{}x', 2],
      ['{} {}', 3],
      ['[1,]', 3],
      ['{"a":1,}', 7],
      ['{"a" 1}', 5],
      ['{a:1}', 1],
      ['[1}', 2],
      ['{"a":1]', 6],
      ['tru', 3],
      ['[nul]', 4],
      ['01', 1],
      ['"open', 5],
      ['"open\\"', 7],
      ['{"\\x":1}', 1],
      ["{'a':1}", 1],
      ['NaN', 0],
    ];
    for (const [text, offset] of cases) {
      const { reason, offset: found } = refusal(text);
      assert.deepEqual([reason, found], ['syntax', offset], text);
    }
  });

  test('C11 a top-level key that comes twice is refused, also when it is spelt differently', () => {
    assert.equal(refusal('{"model":"a","x":1,"model":"b"}').reason, 'duplicate');
    assert.equal(refusal('{"model":"a","mo\\u0064el":"b"}').reason, 'duplicate');
    assert.equal(refusal('{"a/b":1,"a\\/b":2}').reason, 'duplicate');
    assert.equal(scan('{"a":{"x":1,"x":2},"b":[{"y":1,"y":1}]}').members.size, 2);
  });

  test('C11 names of the prototype are keys like all others', () => {
    const { members } = scan('{"__proto__":{"polluted":1},"constructor":1,"toString":2}');
    assert.deepEqual([...members.keys()], ['__proto__', 'constructor', 'toString']);
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });

  test('C11 broken UTF-8 is refused, also inside strings', () => {
    for (const bytes of ['"\xff"', '"\xc3"', '"\xed\xa0\x80"', '{"\xc0\xaf":1}']) {
      assert.equal(refusal(Buffer.from(bytes, 'latin1')).reason, 'encoding');
    }
    assert.equal(scan('"\\ud800"').kind, 'string');
  });

  test('depth and tokens are allowed up to the limit, not above it', () => {
    assert.equal(scan(nested(128)).kind, 'array');
    const { reason, offset } = refusal(nested(129));
    assert.deepEqual([reason, offset], ['depth', 128]);
    // Two brackets, a key and a value.
    assert.equal(scan('{"a":1}', { maxDepth: 1, maxTokens: 4 }).kind, 'object');
    assert.equal(refusal('{"a":1,"b":2}', { maxDepth: 1, maxTokens: 4 }).reason, 'tokens');
    assert.equal(refusal('[{},{}]', { maxDepth: 2, maxTokens: 4 }).reason, 'tokens');
    assert.equal(refusal('[[]]', { maxDepth: 2, maxTokens: 3 }).reason, 'tokens');
  });

  test('strings of every length end at their own quote', () => {
    for (let length = 0; length < 100; length += 1) {
      for (const inside of [
        'x'.repeat(length),
        `${'x'.repeat(length)}\\"y`,
        '\\\\'.repeat(length),
        '\\"'.repeat(length),
      ]) {
        const bytes = Buffer.from(`{"a":"${inside}","b":2}`);
        assert.deepEqual(scanJson(bytes, limits).members.get('a'), { start: 5, end: 7 + inside.length });
      }
    }
  });

  const bombs: [string, () => Buffer, string][] = [
    ['32 MB of [', () => Buffer.alloc(32 * MB, '['), 'depth'],
    ['32 MB of [{},{},', () => Buffer.concat([Buffer.from('['), Buffer.alloc(32 * MB, '{},')]), 'tokens'],
    ['2 M keys', () => Buffer.from(`{${keys(2_000_000)}}`), 'tokens'],
    ['2 M keys one level down', () => Buffer.from(`{"a":{${keys(2_000_000)}}}`), 'tokens'],
    ['32 MB of backslashes', () => Buffer.concat([Buffer.from('"'), Buffer.alloc(32 * MB, '\\')]), 'syntax'],
    ['32 MB of escaped quotes', () => Buffer.concat([Buffer.from('"'), Buffer.alloc(32 * MB, '\\"')]), 'syntax'],
    ['32 MB of spaces', () => Buffer.alloc(32 * MB, ' '), 'syntax'],
    ['32 MB of digits', () => Buffer.concat([Buffer.alloc(32 * MB, '1'), Buffer.from('.')]), 'syntax'],
  ];
  for (const [name, make, reason] of bombs) {
    test(`C11 ${name} are refused at once`, () => {
      const bytes = make();
      const before = process.threadCpuUsage();
      assert.throws(() => scanJson(bytes, limits), { reason });
      const { user, system } = process.threadCpuUsage(before);
      // The aim is 100 ms; a processor that others use too gets twice that.
      assert.ok(user + system < 200_000, `${user + system} µs`);
    });
  }
});

describe('reading members', () => {
  const bytes = Buffer.from(
    '{"s":"a\\u00e9\\n","bad":"\\x","raw":"a\nb","t":true,"f":false,"n":null,"i":-12,"e":1e3,"x":1.5,"big":9007199254740993,"o":{}}',
  );
  const { members } = scanJson(bytes, limits);
  const each = (read: (key: string) => unknown) =>
    Object.fromEntries(
      [...members.keys(), 'absent'].map((key) => [key, read(key)]).filter(([, value]) => value !== undefined),
    );

  test('readString decodes strings, and gives nothing for those that JSON.parse refuses', () => {
    assert.deepEqual(
      each((key) => readString(bytes, members.get(key))),
      { s: 'aé\n' },
    );
  });

  test('readBoolean reads true and false only', () => {
    assert.deepEqual(
      each((key) => readBoolean(bytes, members.get(key))),
      { t: true, f: false },
    );
  });

  test('readInteger reads whole numbers that a double holds exactly', () => {
    assert.deepEqual(
      each((key) => readInteger(bytes, members.get(key))),
      { i: -12, e: 1000 },
    );
  });
});
