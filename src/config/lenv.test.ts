import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ConfigError } from '../errors.ts';
import { parseLenv } from './lenv.ts';

test('the first ": " separates, and values may hold more of them', () => {
  assert.deepEqual(parseLenv('UPSTREAM_BASE_URL: http://127.0.0.1:9000/a: b'), {
    UPSTREAM_BASE_URL: 'http://127.0.0.1:9000/a: b',
  });
});

test('blank lines, comments, a byte order mark and Windows line ends are no matter', () => {
  const text = '\uFEFF# a comment\r\n\r\n  ROUTER_PORT: 1  \r\n  # KEY: value\r\nVERBOSE: yes';
  assert.deepEqual(parseLenv(text), { ROUTER_PORT: '1', VERBOSE: 'yes' });
});

test('the last of equal keys wins, and a key may be empty', () => {
  assert.deepEqual(parseLenv('A: 1\nB:\nA: 2\nC: '), { A: '2', B: '', C: '' });
});

test('values keep their quotes and number signs', () => {
  assert.deepEqual(parseLenv('A: "x" # y'), { A: '"x" # y' });
});

for (const line of ['token-secret = hunter2', 'TOKEN_SECRET=hunter2', 'TOKEN_SECRET:hunter2', 'hunter2', ': hunter2']) {
  test(`a line of another form is refused by its number, without its text: ${line}`, () => {
    assert.throws(
      () => parseLenv(`A: 1\n\n${line}\n`),
      (error) => error instanceof ConfigError && /line 3/.test(error.message) && !error.message.includes('hunter2'),
    );
  });
}

test('every map of names to one-line values reads back as it was written', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,12}$/);
  const value = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\r\n]/g, '').trim());
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }), (pairs) => {
      const text = pairs.map(([key, content]) => `${key}: ${content}`).join('\n');
      assert.deepEqual(parseLenv(text), Object.fromEntries(pairs));
    }),
  );
});
