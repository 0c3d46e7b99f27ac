import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliBed } from '../support/cli.ts';

const SIMULATOR = { ROUTER_PORT: '0', UPSTREAM_PROVIDER: 'simulator' };
const BODY = '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}';
/** How long a debugger would take to open, at the most. Milliseconds. */
const SIGNAL_MS = 500;

test('S32 the router works under --disable-proto=delete and =throw', async (t) => {
  for (const options of ['--disable-proto=delete', '--disable-proto=throw']) {
    const bed = await CliBed.open(t);
    const router = bed.start(['serve'], { ...SIMULATOR, NODE_OPTIONS: options });
    const [, url = ''] = await router.line(/^Listening on (http:\S+)$/);
    const [, admin = ''] = await router.line(/^Admin token .*: (la_sk_\S+)$/);
    const headers = { authorization: `Bearer ${admin}` };
    const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: BODY });
    assert.equal(answer.status, 200, options);
    assert.equal(((await answer.json()) as { type: string }).type, 'message');
    for (const path of ['/metrics', '/v1/usage', '/api/tokens/list', '/v1/models']) {
      assert.equal((await fetch(url + path, { headers })).status, 200, `${path} with ${options}`);
    }
    router.signal('SIGTERM');
    assert.equal((await router.result).code, 0, options);
  }
});

test('S32 SIGUSR1 opens no debugger, and the router goes on', async (t) => {
  const bed = await CliBed.open(t);
  const router = bed.start(['serve'], SIMULATOR);
  const [, url = ''] = await router.line(/^Listening on (http:\S+)$/);
  router.signal('SIGUSR1');
  await sleep(SIGNAL_MS);
  assert.equal((await fetch(`${url}/health`)).status, 200);
  router.signal('SIGTERM');
  const { code, stderr } = await router.result;
  assert.equal(code, 0);
  assert.doesNotMatch(stderr, /Debugger|inspector/i);
});
