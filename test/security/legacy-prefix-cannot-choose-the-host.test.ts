import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transport } from '../../src/upstreams/transport.ts';
import { exchange } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const TARGETS = [
  '/api/latest/anthropic@evil.example/x',
  '/api/latest/anthropic@evil.example/v1/messages',
  '/api/latest/anthropic.evil.example/x',
  '/api/latest/anthropic:443@evil.example/v1/messages',
  '/api/latest/anthropic%40evil.example/v1/messages',
  '/api/latest/anthropic\\@evil.example/v1/messages',
  '/api/latest/anthropic',
  '/api/latest/anthropic/',
  '/api/latest/anthropic//evil.example/v1/messages',
  '/api/latest/anthropic/v1/messages/../../x',
  '/api/anthropic@evil.example/v1/messages',
  '//evil.example/v1/messages',
  '/v1/messages@evil.example',
  '/v1/messages/batches',
  '/v1/files',
];

test('A1 R3 a path after the legacy prefix never becomes part of the host, and nothing unknown is forwarded', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const target of TARGETS) {
    const answer = await exchange(t, router.url, messagesRequest(token, { target }));
    assert.equal(answer.status, 404, target);
  }
  assert.equal(upstream.requests.length, 0);
});

test('A1 a query cannot leave the origin either', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  for (const query of [
    '@evil.example',
    '//evil.example',
    '#@evil.example/',
    'http://evil.example/',
    '\\@evil.example',
  ]) {
    const target = `/v1/messages?${query}`;
    await exchange(t, router.url, messagesRequest(await router.issue(), { target }));
  }
  for (const request of upstream.requests) {
    assert.ok(request.url.startsWith('/v1/messages'), request.url);
    assert.equal(request.header('host'), `127.0.0.1:${upstream.port}`);
  }
  assert.ok(upstream.requests.length > 0);
});

test('A1 the origin of every path is asserted', async (t) => {
  const transport = new Transport({ baseUrl: 'https://api.example/base', connectTimeoutMs: 1_000 });
  t.after(() => transport.close());
  assert.equal(transport.pathOf('/v1/messages'), '/base/v1/messages');
  for (const path of [
    '@evil.example/x',
    '.evil.example/x',
    '',
    'x',
    '/../x',
    '/%2e%2e/x',
    '/a?b',
    '/a#b',
    '/a b',
    '\\evil',
  ]) {
    assert.throws(() => transport.pathOf(path), path);
  }
});

test('S19 R3 members and headers that name an upstream or a key are inert', async (t) => {
  const other = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const names = ['api_base', 'base_url', 'api_key', 'user_config', 'extra_headers', 'upstream', 'host', 'proxy'];
  const body = JSON.stringify({ model: 'm', ...Object.fromEntries(names.map((name) => [name, other.url])) });
  const headers = names.flatMap((name) => [`x-${name.replace('_', '-')}`, other.url]);
  const more = ['x-portkey-custom-host', other.url, 'x-forwarded-host', 'evil.example', 'x-original-url', other.url];
  const token = await router.issue();
  const answer = await exchange(t, router.url, {
    method: 'POST',
    target: '/v1/messages',
    body,
    headers: [
      'authorization',
      `Bearer ${token}`,
      ...headers.filter((_, i, all) => !/^x-api-key$/.test(all[i - (i % 2)]!)),
      ...more,
    ],
  });
  assert.equal(answer.status, 200);
  assert.equal(other.requests.length, 0);
  assert.equal(upstream.requests[0]!.body.toString(), body);
});
