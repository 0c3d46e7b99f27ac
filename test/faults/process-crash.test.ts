import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CutError } from '../support/byte-reader.ts';
import { ChaosBed } from '../support/chaos.ts';
import { call, Ledger } from '../support/check-ledger.ts';
import { exchange } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY } from '../support/router.ts';

const HOOKS = ['--import', fileURLToPath(new URL('../support/fault-hooks.ts', import.meta.url))];
const admin = ['authorization', `Bearer ${ADMIN_KEY}`];

test('P13 an error that a handler throws fails that request alone, on every route', async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const router = await bed.start({ node: HOOKS });
  const token = await router.issue();
  const stream = call(router.url, token, { stream: true, words: 200, pauseMs: 20 });
  const fault = ['x-fault', 'handler'];
  const body = JSON.stringify({
    model: 'm',
    max_tokens: 1,
    messages: [{ role: 'user', content: 'x {}' }],
  });
  const other = JSON.stringify({ id: (await router.issue()).id });
  const requests = [
    ...['/health', '/livez', '/readyz', '/metrics'].map((target) => ({ target, headers: fault })),
    ...['/v1/usage', '/v1/accounts', '/api/tokens/list'].map((target) => ({ target, headers: [...admin, ...fault] })),
    { method: 'POST', target: '/api/tokens', headers: [...admin, ...fault], body: '{}' },
    { method: 'POST', target: '/api/tokens/rotate', headers: [...admin, ...fault], body: other },
    { method: 'POST', target: '/api/tokens/revoke', headers: [...admin, ...fault], body: other },
  ];
  for (const request of requests) {
    const answer = await exchange(t, router.url, request);
    assert.equal(answer.status, 500, `${request.target}: ${answer.body.toString()}`);
    assert.doesNotMatch(answer.body.toString(), /injected/);
  }
  // Where an answer of the upstream has begun, or where it is the error that cannot be written, the connection is cut.
  const cut = [messagesRequest(token.token, { headers: fault, body }), { target: '/nothing-there', headers: fault }];
  for (const request of cut) await assert.rejects(exchange(t, router.url, request), CutError);
  assert.deepEqual([(await stream).status, (await stream).end], [200, 'clean'], 'a neighbour is not disturbed');
  assert.equal((await call(router.url, token)).status, 200);
  router.signal('SIGTERM');
  assert.equal((await router.ended).code, 0);
  assert.doesNotMatch(router.output, /canary/);
});

for (const fault of ['uncaught', 'rejection']) {
  test(`P13 an ${fault} error is logged without its secret, running answers end, and the process exits 1`, async (t) => {
    const ledger = await Ledger.start(t);
    const bed = new ChaosBed(t, ledger.url);
    const router = await bed.start({ node: HOOKS });
    const token = await router.issue();
    const stream = call(router.url, token, { stream: true, words: 40, pauseMs: 20 });
    while ((await router.metric('link_assistant_running_answers')) !== 1);
    const answer = await exchange(t, router.url, { target: '/health', headers: ['x-fault', fault] });
    assert.equal(answer.status, 200, 'that request itself was well');
    assert.deepEqual([(await stream).status, (await stream).end], [200, 'clean']);
    const { code } = await router.ended;
    assert.equal(code, 1, router.output);
    assert.match(router.stderr, /"level":"fatal".*"message":"injected [^"]*".*"an error that nobody caught"/);
    assert.doesNotMatch(router.output, /canary/);
  });
}
