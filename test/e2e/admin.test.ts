import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';

const json = (body: Buffer) => JSON.parse(body.toString()) as Record<string, unknown>;
const admin = (target: string, body?: unknown, key = ADMIN_KEY) => ({
  method: body === undefined ? 'GET' : 'POST',
  target,
  headers: ['authorization', `Bearer ${key}`],
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

test('1.3 tokens are issued, listed, rotated and revoked over HTTP', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const issued = await exchange(t, router.url, admin('/api/tokens', {}));
  assert.equal(issued.status, 200);
  const first = json(issued.body);
  assert.match(String(first['token']), /^la_sk_eyJ/);
  assert.equal(first['ttl_hours'], 24);
  assert.equal(first['label'], '');
  assert.equal(first['account'], null);
  assert.ok(Math.abs(Number(first['expires_at']) - Date.now() / 1000 - 86_400) < 60);

  const listed = await exchange(t, router.url, admin('/api/tokens/list'));
  const rows = json(listed.body)['data'] as Record<string, unknown>[];
  const row = rows.find(({ id }) => id === first['id'])!;
  assert.equal(row['revoked'], false);
  assert.equal(listed.body.toString().includes(String(first['token'])), false);

  const rotated = json((await exchange(t, router.url, admin('/api/tokens/rotate', { id: first['id'] }))).body);
  const use = async (token: unknown) => (await exchange(t, router.url, messagesRequest(String(token)))).status;
  assert.equal(await use(first['token']), 403);
  assert.equal(await use(rotated['token']), 200);

  const revoked = await exchange(t, router.url, admin('/api/tokens/revoke', { id: rotated['id'] }));
  assert.deepEqual(json(revoked.body), { revoked: rotated['id'] });
  assert.equal(await use(rotated['token']), 403);
  assert.equal((await exchange(t, router.url, admin('/api/tokens/revoke', { id: 'nobody' }))).status, 404);
});

test('A12 bounds of what can be issued, and unknown members, are refused', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  for (const body of [
    ...[{ ttl_hours: 0 }, { ttl_hours: -1 }, { ttl_hours: 1e12 }, { ttl_hours: 1.5 }, { ttl_hours: '24' }],
    ...[{ label: 'a\nb' }, { label: 'x'.repeat(65) }, { account: '../x' }, { scope: 'root' }, { max_tokens: 5 }, [], 7],
  ]) {
    const answer = await exchange(t, router.url, admin('/api/tokens', body));
    assert.equal(answer.status, 400, JSON.stringify(body));
  }
});

test('A2 S9 S10 every operator route needs an admin credential; a client token is none', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', adminKey: undefined });
  const client = await router.issue();
  const targets = [
    '/api/tokens',
    '/api/tokens/list',
    '/api/tokens/revoke',
    '/api/tokens/rotate',
    '/v1/usage',
    '/v1/accounts',
  ];
  for (const target of targets) {
    const method = /list|usage|accounts/.test(target) ? 'GET' : 'POST';
    for (const [headers, status] of [
      [[], 401],
      [['authorization', 'Bearer '], 401],
      [['authorization', 'Bearer undefined'], 401],
      [['authorization', `Bearer ${ADMIN_KEY}`], 401],
      [['authorization', `Bearer ${client}`], 403],
    ] as const) {
      const answer = await exchange(t, router.url, { method, target, headers });
      assert.equal(answer.status, status, `${target} with ${headers.join(' ')}`);
    }
  }
});

test('A11 an admin token opens the admin routes and the model surface, and can rotate itself', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', adminKey: undefined });
  const token = router.router.adminToken!;
  assert.equal((await exchange(t, router.url, admin('/v1/usage', undefined, token))).status, 200);
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  const rotated = json((await exchange(t, router.url, admin('/api/tokens/rotate', {}, token))).body);
  assert.equal(rotated['scope'], 'admin');
  assert.equal((await exchange(t, router.url, admin('/v1/usage', undefined, token))).status, 403);
  assert.equal((await exchange(t, router.url, admin('/v1/usage', undefined, String(rotated['token'])))).status, 200);
});

test('the flat key cannot be rotated', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  assert.equal((await exchange(t, router.url, admin('/api/tokens/rotate', {}))).status, 400);
});

test('ADMIN_PORT moves the admin routes and /metrics to a listener of their own', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', adminPort: 0 });
  const { url, adminUrl } = router.router;
  assert.notEqual(url, adminUrl);
  for (const target of ['/api/tokens/list', '/metrics', '/v1/usage']) {
    assert.equal((await exchange(t, url, admin(target))).status, 404);
    assert.equal((await exchange(t, adminUrl, admin(target))).status, 200);
  }
  const token = await router.issue();
  assert.equal((await exchange(t, url, messagesRequest(token))).status, 200);
  assert.equal((await exchange(t, adminUrl, messagesRequest(token))).status, 404);
});
