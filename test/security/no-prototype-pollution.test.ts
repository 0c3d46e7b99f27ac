import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, type RawRequest } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];

test('S27 C11 names of the prototype are names like all others, in bodies, queries, headers and ids', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const token = await router.issue();
  const before = Reflect.ownKeys(Object.prototype);
  const admin = ['authorization', `Bearer ${ADMIN_KEY}`];
  const ask = async (request: RawRequest) => (await exchange(t, router.url, request)).status;
  const post = (target: string, body: string) => ask({ method: 'POST', target, headers: admin, body });
  for (const name of NAMES) {
    const body = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"${name}":{"scope":"admin","polluted":1}}`;
    assert.ok((await ask(messagesRequest(token, { body, headers: [name.replaceAll('__', 'x-'), '1'] }))) < 500);
    assert.equal(await ask(messagesRequest(token, { body: `{"${name}":{"model":"m"}}` })), 400, 'model is inherited');
    const issuing = await post('/api/tokens', `{"${name}":{"ttl_hours":1,"scope":"admin"}}`);
    assert.ok(issuing === 400 || name === '__proto__', `an unknown member ${name} was taken`);
    assert.equal(await post('/api/tokens/revoke', `{"${name}":{"id":"x"}}`), 400);
    assert.equal(await post('/api/tokens/revoke', `{"id":"${name}"}`), 404);
    assert.equal(await ask({ target: `/v1/usage?token=${name}`, headers: admin }), 200);
    assert.equal(await ask({ target: `/${name}`, headers: admin }), 404);
    assert.equal(await ask(messagesRequest(name)), 401);
  }
  const { data } = JSON.parse(
    (await exchange(t, router.url, { target: '/api/tokens/list', headers: admin })).body.toString(),
  ) as { data: { scope: string; label: string }[] };
  assert.deepEqual(
    data.filter(({ scope }) => scope === 'admin').map(({ label }) => label),
    ['first admin'],
  );
  assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});
