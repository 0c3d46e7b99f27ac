import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList, relayable } from './headers.ts';

test('CL12 unknown headers, order and repetitions go on; names are compared without case', () => {
  const headers = new HeaderList(['Anthropic-Beta', 'a', 'X-New', '1', 'anthropic-beta', 'b', 'x-new', '2']);
  assert.deepEqual(headers.forwardable(), ['anthropic-beta', 'a', 'x-new', '1', 'anthropic-beta', 'b', 'x-new', '2']);
  assert.deepEqual(headers.getAll('anthropic-beta'), ['a', 'b']);
});

test('S20 credentials, cookies, connection and network-path headers stay here', () => {
  const dropped = [
    'Authorization X-Api-Key X-Goog-Api-Key Api-Key Cookie Host Connection Keep-Alive Proxy-Authorization TE Trailer',
    'Transfer-Encoding Upgrade Content-Length Content-Encoding Accept-Encoding Expect Forwarded Via X-Forwarded-For',
    'X-Forwarded-Host X-Real-IP True-Client-IP CF-Connecting-IP X-Request-Id X-Router-Fidelity',
  ].flatMap((line) => line.split(' '));
  const headers = new HeaderList(dropped.flatMap((name) => [name, 'v']).concat('x-app', 'cli'));
  assert.deepEqual(headers.forwardable(), ['x-app', 'cli']);
});

test('S20 names listed in Connection are hop-by-hop, over several Connection headers', () => {
  const raw = ['Connection', 'keep-alive, X-Foo', 'connection', 'x-bar', 'x-foo', '1', 'X-Bar', '2', 'x-baz', '3'];
  assert.deepEqual(new HeaderList(raw).forwardable(), ['x-baz', '3']);
});

test('U24 answers lose what describes the account or plants state, and keep retry hints and repeated headers', () => {
  const kept = relayable({
    'content-type': 'application/json',
    'retry-after': '3',
    'retry-after-ms': '3000',
    'x-should-retry': 'true',
    'x-new': ['1', '2'],
    connection: 'x-foo',
    'x-foo': '1',
    'set-cookie': ['a=b'],
    'www-authenticate': 'Bearer',
    'anthropic-organization-id': 'org',
    'anthropic-ratelimit-unified-status': 'allowed',
    'x-ratelimit-limit-requests': '1',
    'request-id': 'req_up',
    'cf-ray': '1',
    via: '1.1 x',
    authorization: 'Bearer echoed',
  });
  assert.deepEqual(kept, [
    ...['content-type', 'application/json', 'retry-after', '3', 'retry-after-ms', '3000', 'x-should-retry', 'true'],
    ...['x-new', '1', 'x-new', '2'],
  ]);
});
