import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { OPERATOR_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

test('C14 S20 Connection cannot take away what the router adds', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const headers = [
    'connection',
    'x-api-key, authorization, anthropic-version, content-length, host, x-mine',
    'x-mine',
    '1',
  ];
  const answer = await exchange(t, router.url, messagesRequest(await router.issue(), { headers }));
  assert.equal(answer.status, 200);
  const request = upstream.requests[0]!;
  assert.deepEqual(request.headers('x-api-key'), [OPERATOR_KEY]);
  assert.deepEqual(request.headers('anthropic-version'), ['2023-06-01']);
  assert.deepEqual(request.headers('x-mine'), []);
});

test('CL2 of two credentials the good one counts, and neither reaches the upstream', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const headers of [
    ['authorization', 'Bearer sk-ant-user-key', 'x-api-key', token],
    ['authorization', `Bearer ${token}`, 'x-api-key', 'sk-ant-user-key'],
    ['x-goog-api-key', token, 'api-key', 'sk-ant-user-key'],
  ]) {
    const answer = await exchange(t, router.url, {
      method: 'POST',
      target: '/v1/messages?key=sk-ant-user-key&x=1',
      headers,
      body: '{"model":"m"}',
    });
    assert.equal(answer.status, 200);
    const request = upstream.requests.at(-1)!;
    const seen = request.rawHeaders.join('\n') + request.url;
    assert.equal(seen.includes(token) || seen.includes('sk-ant-user-key'), false);
    assert.equal(request.url, '/v1/messages?x=1');
  }
});
