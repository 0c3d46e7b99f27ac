import assert from 'node:assert/strict';
import { clientCredentials, withoutKey } from '../../../src/http/credentials.ts';
import { HeaderList, relayable } from '../../../src/http/headers.ts';
import type { Target } from '../target.ts';

/** RFC 9110 section 7.6.1, the places of credentials, and what describes network and framing: written down a second time. */
const NEVER = new Set(
  (
    'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade ' +
    'authorization x-api-key x-goog-api-key api-key'
  ).split(' '),
);
const NEVER_UP = new Set([
  ...NEVER,
  ...'cookie host expect forwarded via x-forwarded-for x-real-ip content-length content-encoding'.split(' '),
]);
const NEVER_DOWN = new Set([
  ...NEVER,
  ...'set-cookie www-authenticate anthropic-organization-id via request-id'.split(' '),
]);

/** The first line is a query, the others are headers as Node's parser gives them: no CR or LF is left in any. */
export const headers: Target = {
  name: 'headers',
  modules: ['http/headers.ts', 'http/credentials.ts'],
  seeds: [
    'key=a&beta=true\nAuthorization: Bearer t\nX-Api-Key: u\nConnection: keep-alive, X-Mine\nX-Mine: 1\nx-new: 2\nX-New: 3',
    'k%65y=s&a=%20+b\nconnection: close\nConnection: x-a\nx-a: 1\ncookie: c\nAnthropic-Beta: a\nanthropic-beta: b',
    '\nTE: trailers\nUpgrade: h2c\nHTTP2-Settings: x\nx-router-account: a\nanthropic-ratelimit-x: 1\nset-cookie: a=b',
    'key\nConnection: x-api-key, authorization, content-length, ,\napi-key: a',
  ],
  words: [
    ...['\n', ': ', ', ', 'Connection: ', 'connection', 'Authorization: Bearer ', 'bearer\t', 'X-Api-Key: ', 'api-key'],
    ...[
      'Cookie: ',
      'te',
      'Transfer-Encoding: chunked',
      'x-forwarded-for: ',
      'X-Router-',
      'key=',
      '%6bey=',
      '&',
      '%',
      '+',
    ],
    ...['keep-alive', 'close', 'x-ratelimit-', 'Via: 1', '\t', '\u00a0', 'Set-Cookie: '],
  ],
  check(input) {
    const [query = '', ...lines] = input.toString('latin1').split('\n');
    const raw = lines.flatMap(headerOf);
    checkUp(raw);
    checkDown(raw);
    const found = clientCredentials(new HeaderList(raw), query);
    assert.ok(found.length <= 8 && new Set(found).size === found.length && !found.includes(''));
    const left = withoutKey(query);
    assert.equal(new URLSearchParams(left).getAll('key').join(''), '', left);
    assert.equal(withoutKey(left), left);
  },
};

/** Name and value, or nothing for what Node's parser refuses. */
function headerOf(line: string): string[] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r?$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [name, value];
}

function checkUp(raw: readonly string[]): void {
  const kept = pairs(new HeaderList(raw).forwardable());
  const named = namedBy(raw);
  for (const [name] of kept) assert.ok(!NEVER_UP.has(name) && !named.has(name) && !name.startsWith('x-router-'), name);
  assertTaken(kept, raw);
}

function checkDown(raw: readonly string[]): void {
  const record: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs(raw)) {
    const key = name.toLowerCase();
    record[key] = key in record ? [record[key] ?? [], value].flat() : value;
  }
  const kept = pairs(relayable(record));
  const named = namedBy(raw);
  for (const [name] of kept)
    assert.ok(!NEVER_DOWN.has(name) && !named.has(name) && !/^(?:x|anthropic)-ratelimit-/.test(name), name);
  assertTaken(kept, raw);
}

/** Nothing is made up, changed, or cut in two. */
function assertTaken(kept: readonly Pair[], raw: readonly string[]): void {
  const given = pairs(raw).map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  for (const [name, value] of kept) {
    assert.doesNotMatch(name + value, /[\r\n\0]/);
    const at = given.indexOf(`${name}: ${value}`);
    assert.notEqual(at, -1);
    given.splice(at, 1);
  }
}

type Pair = readonly [string, string];

function pairs(flat: readonly string[]): Pair[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const);
}

function namedBy(raw: readonly string[]): ReadonlySet<string> {
  const values = pairs(raw).filter(([name]) => name.toLowerCase() === 'connection');
  return new Set(values.flatMap(([, value]) => value.toLowerCase().split(/[ \t]*,[ \t]*/)));
}
