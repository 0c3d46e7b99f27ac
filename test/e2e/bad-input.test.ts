import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, openRaw } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

test('every refusal is an error of the caller dialect with both request ids, and nothing reaches the upstream', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxBodyBytes: 10_000 });
  const token = await router.issue();
  const post = (body: string) => messagesRequest(token, { body });
  const cases: [string, Parameters<typeof exchange>[2], number, string][] = [
    ['no token', { method: 'POST', target: '/v1/messages', body: '{}' }, 401, 'authentication_error'],
    ['garbage token', messagesRequest('la_sk_garbage'), 401, 'authentication_error'],
    ['unknown route', { target: '/v1/nothing', headers: ['x-api-key', token] }, 404, 'not_found_error'],
    ['unknown admin route', { method: 'DELETE', target: '/api/tokens/1' }, 404, 'not_found_error'],
    ['wrong method', { method: 'GET', target: '/v1/messages' }, 405, 'invalid_request_error'],
    ['S34 TRACE', { method: 'TRACE', target: '/v1/messages' }, 405, 'invalid_request_error'],
    ['C10 body over the limit', post(`{"model":"m","x":"${'y'.repeat(10_000)}"}`), 413, 'request_too_large'],
    ['broken JSON', post('{"model":"m",'), 400, 'invalid_request_error'],
    ['no JSON object', post('[1]'), 400, 'invalid_request_error'],
    ['empty body', post(''), 400, 'invalid_request_error'],
    ['C11 depth', post(`{"model":"m","x":${'['.repeat(200)}${']'.repeat(200)}}`), 400, 'invalid_request_error'],
    ['C11 two models', post('{"model":"a","mod\\u0065l":"b"}'), 400, 'invalid_request_error'],
    ['model missing', post('{"messages":[]}'), 400, 'invalid_request_error'],
    ['model is no text', post('{"model":7}'), 400, 'invalid_request_error'],
    ['unknown coding', messagesRequest(token, { headers: ['content-encoding', 'sdch'] }), 415, 'invalid_request_error'],
    [
      'coding that is a lie',
      messagesRequest(token, { headers: ['content-encoding', 'gzip'] }),
      400,
      'invalid_request_error',
    ],
    ['C8 too many headers', { target: '/health', headers: Array(210).fill('a') }, 431, 'invalid_request_error'],
    ['C8 headers too large', { target: '/health', headers: ['a', 'b'.repeat(20_000)] }, 431, 'invalid_request_error'],
    ['C12 long URL', { target: `/v1/messages?${'a'.repeat(9_000)}` }, 414, 'invalid_request_error'],
    ['C9 two hosts', { target: '/health', headers: ['host', 'a', 'host', 'b'] }, 400, 'invalid_request_error'],
    ['C9 absolute form', { target: 'http://evil.example/health' }, 400, 'invalid_request_error'],
    ['C9 no HTTP', { method: 'BAD METHOD' }, 400, 'invalid_request_error'],
    [
      'C16 odd expectation',
      { ...messagesRequest(token, { headers: ['expect', 'zzz'] }) },
      417,
      'invalid_request_error',
    ],
  ];
  for (const [name, request, status, type] of cases) {
    const answer = await exchange(t, router.url, request);
    assert.equal(answer.status, status, name);
    assert.equal(errorOf(answer.body).type, type, name);
    assert.equal(answer.head.header('x-should-retry'), 'false', name);
    assert.match(answer.head.header('request-id') ?? '', /^req_/, name);
    assert.equal(answer.head.header('x-request-id'), answer.head.header('request-id'), name);
  }
  assert.equal(upstream.requests.length, 0);
});

test('C12 paths that only look like a route are 404, and the wrong method says what is right', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const token = await router.issue();
  for (const target of [
    ...[
      '/v1/../v1/messages',
      '/v1/%2e%2e/v1/messages',
      '/v1%2fmessages',
      '/v1%5cmessages',
      '//v1/messages',
      '/v1/messages/',
    ],
    ...['/v1/messages;x', '/v1/messages%00', '/v1/%c0%afmessages', '/V1/messages', '/v1/messages%', '/'],
  ]) {
    const answer = await exchange(t, router.url, messagesRequest(token, { target }));
    assert.ok(answer.status === 404 || (target === '/' && answer.status === 405), `${target}: ${answer.status}`);
  }
  const wrong = await exchange(t, router.url, { method: 'PUT', target: '/api/tokens' });
  assert.equal(wrong.head.header('allow'), 'POST');
});

test('A4 the token is checked before the body is read', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const connection = await openRaw(t, router.url);
  await connection.request({ method: 'POST', target: '/v1/messages', headers: ['content-length', '5000000'] });
  assert.equal((await connection.answer()).status, 401);
});

test('C16 100-continue comes after the token and the size were checked', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxBodyBytes: 10_000 });
  const token = await router.issue();
  const expecting = (length: number, key: string) => ({
    ...messagesRequest(key, { headers: ['expect', '100-continue', 'content-length', String(length)] }),
    body: '',
  });
  for (const [request, status] of [
    [expecting(20_000, token), 413],
    [expecting(10, 'wrong'), 401],
  ] as const) {
    const connection = await openRaw(t, router.url);
    await connection.request(request);
    assert.equal((await connection.answer()).status, status);
  }
  const connection = await openRaw(t, router.url);
  const body = '{"model":"m"}';
  await connection.request(expecting(body.length, token));
  await connection.send(body);
  assert.equal((await connection.answer()).status, 200);
});

test('C5 a client that stops in the middle of its body is 408', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', clientBodyIdleTimeoutMs: 300 });
  const connection = await openRaw(t, router.url);
  const token = await router.issue();
  await connection.request(messagesRequest(token, { body: '{"model":', headers: ['content-length', '100'] }));
  const answer = await connection.answer();
  assert.equal(answer.status, 408);
  assert.equal(errorOf(answer.body).type, 'timeout_error');
});

test('an upstream credential that is missing or refused is 503 and says what to do', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(401, '{"type":"error"}'));
  const without = await startTestRouter(t, { upstreamBaseUrl: upstream.url, anthropicApiKey: undefined });
  const missing = await exchange(t, without.url, messagesRequest(await without.issue()));
  assert.equal(missing.status, 503);
  assert.match(errorOf(missing.body).message, /ANTHROPIC_API_KEY.*doctor/);

  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const refused = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(refused.status, 503);
  assert.match(errorOf(refused.body).message, /doctor/);
  assert.equal(refused.head.header('x-should-retry'), 'false');

  const pinned = await exchange(t, router.url, messagesRequest(await router.issue({ account: 'other' })));
  assert.equal(pinned.status, 503);
  assert.match(errorOf(pinned.body).message, /"other"/);
});

test('CL8 errors before a route is known are in the dialect that the caller seems to speak', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', disableAnthropicApi: true });
  const openai = await exchange(t, router.url, { method: 'POST', target: '/v1/chat/completions', body: '{}' });
  assert.equal(openai.status, 404);
  assert.equal(JSON.parse(openai.body.toString()).error.code, 'not_found');
  const gone = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(gone.status, 404, 'a disabled surface is gone');
});
