import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const ORIGIN = ['origin', 'https://page.example'];
const ASKED = ['access-control-request-method', 'POST', 'access-control-request-headers', 'authorization, x-api-key'];

const isCors = (name: string, i: number) => i % 2 === 0 && /^access-control-/i.test(name);

test('S24 no answer lets a web page of another origin read it, and no preflight is met', async (t) => {
  const cors = { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true', 'x-kept': '1' };
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson(), cors));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const admin = ['authorization', `Bearer ${ADMIN_KEY}`];
  const answers = [];
  for (const target of ['/v1/messages', '/v1/models', '/api/tokens', '/metrics', '/health', '/', '/nothing', '*']) {
    const preflight = await exchange(t, router.url, { method: 'OPTIONS', target, headers: [...ORIGIN, ...ASKED] });
    assert.ok(preflight.status >= 400, `${target}: ${preflight.status}`);
    answers.push(preflight, await exchange(t, router.url, { target, headers: [...ORIGIN, ...admin] }));
  }
  const relayed = await exchange(t, router.url, messagesRequest(token, { headers: ORIGIN }));
  assert.equal(relayed.status, 200);
  assert.equal(relayed.head.header('x-kept'), '1');
  for (const { head } of [...answers, relayed]) assert.deepEqual(head.rawHeaders.filter(isCors), []);
});

test('S23 what the router says itself is kept by no cache and guessed at by no browser', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const admin = ['authorization', `Bearer ${ADMIN_KEY}`];
  for (const target of ['/health', '/metrics', '/v1/usage', '/api/tokens/list', '/nothing', '/v1/messages']) {
    const { head } = await exchange(t, router.url, { target, headers: admin });
    assert.equal(head.header('cache-control'), 'no-store', target);
    assert.equal(head.header('x-content-type-options'), 'nosniff', target);
    assert.doesNotMatch(head.header('content-type') ?? '', /html|script/, target);
  }
});
