import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from './redact.ts';

test('S14 secrets of this process are cut out wherever they stand', () => {
  let secrets = ['opaque-upstream-secret'];
  const redact = createRedactor(() => secrets);
  assert.equal(redact('a opaque-upstream-secret b'), 'a [redacted] b');
  secrets = ['renewed-one'];
  assert.equal(redact('renewed-one opaque'), '[redacted] opaque');
});

test('S14 shapes of secrets are cut out although nobody named them', () => {
  const redact = createRedactor(() => []);
  const cases: [string, string][] = [
    ['"x":"la_sk_eyJhbGciOi.abc-_.def"', '"x":"[redacted]"'],
    ['key sk-ant-api03-abcdefgh failed', 'key [redacted] failed'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.sig', '[redacted]'],
    ['"authorization: Bearer some-opaque+value/1="', '"authorization: [redacted]"'],
    ['{"refresh_token":"abc123","a":1}', '{"refresh_token":"[redacted]","a":1}'],
    [String.raw`{\"refreshToken\":\"abc123\"}`, String.raw`{\"refreshToken\":\"[redacted]\"}`],
    ['GET /v1/models?key=abc123&x=1', 'GET /v1/models?key=[redacted]&x=1'],
  ];
  for (const [text, clean] of cases) assert.equal(redact(text), clean);
});

test('S14 ordinary lines stay as they are', () => {
  const line = '{"level":"info","req":"req_0123","route":"messages","model":"claude-sonnet-4-5","usage":{"input":3}}';
  assert.equal(createRedactor(() => ['', 'abc'])(line), line);
});
