import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Access, RouteTable } from '../../src/http/routes.ts';
import { exchange } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';

/** Every route, and who may use it. A new one has to be listed here before the tests pass. */
const ROUTES: Readonly<Record<string, Access>> = {
  'GET /health': 'open',
  'HEAD /health': 'open',
  'GET /livez': 'open',
  'GET /readyz': 'open',
  'HEAD /': 'open',
  'HEAD /api/hello': 'open',
  'POST /v1/messages': 'client',
  'POST /v1/messages/count_tokens': 'client',
  'POST /api/latest/anthropic/v1/messages': 'client',
  'POST /api/latest/anthropic/v1/messages/count_tokens': 'client',
  'POST /api/anthropic/v1/messages': 'client',
  'POST /api/anthropic/v1/messages/count_tokens': 'client',
  'GET /v1/models': 'client',
  'POST /api/tokens': 'admin',
  'GET /api/tokens/list': 'admin',
  'POST /api/tokens/revoke': 'admin',
  'POST /api/tokens/rotate': 'admin',
  'GET /metrics': 'monitor',
  'GET /v1/usage': 'admin',
  'GET /v1/accounts': 'admin',
};

type Role =
  | 'nobody'
  | 'garbage'
  | 'client'
  | 'revoked client'
  | 'expired client'
  | 'foreign'
  | 'revoked admin'
  | 'admin';

/** Who gets in. `monitor` routes are asked as through a proxy, so that being on this machine is no reason. */
const ADMITTED: Readonly<Record<Access, readonly Role[]>> = {
  open: ['nobody', 'garbage', 'client', 'revoked client', 'expired client', 'foreign', 'revoked admin', 'admin'],
  client: ['client', 'admin'],
  admin: ['admin'],
  monitor: ['admin'],
};

/** A router, the table of its routes, and a credential per role. Revoked tokens were good, and used, before. */
async function setUp(t: TestContext) {
  const { mock } = t.mock.method(RouteTable.prototype, 'match');
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const elsewhere = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const { tokens } = router.router;
  const ended = { 'revoked client': 'client', 'expired client': 'client', 'revoked admin': 'admin' } as const;
  const credentials: Record<Role, string> = {
    nobody: '',
    garbage: 'la_sk_garbage',
    client: await router.issue(),
    admin: (await tokens.issue({ scope: 'admin' })).token,
    foreign: (await elsewhere.router.tokens.issue({ scope: 'admin' })).token,
    'revoked client': '',
    'expired client': '',
    'revoked admin': '',
  };
  for (const [role, scope] of Object.entries(ended)) {
    const { token, record } = await tokens.issue({ scope });
    assert.equal((await tokens.verify(token)).kind, 'valid');
    assert.ok(tokens.cached(token), 'a copy of the record is kept');
    await (role.startsWith('expired') ? tokens.expire(record.id) : tokens.revoke(record.id));
    credentials[role as Role] = token;
  }
  await exchange(t, router.url, { target: '/health' });
  return { router, credentials, table: mock.calls[0]!.this as RouteTable };
}

test('S9 R11 every route admits the roles that it should, and no other, wherever the credential stands', async (t) => {
  const { router, credentials, table } = await setUp(t);
  const found = Object.fromEntries(table.routes.map(({ method, path, access }) => [`${method} ${path}`, access]));
  assert.deepEqual(found, ROUTES, 'a route that is new, gone or opened has to be listed in this test');

  for (const [route, access] of Object.entries(ROUTES)) {
    const [method = '', target = ''] = route.split(' ');
    for (const [role, credential] of Object.entries(credentials)) {
      for (const headers of placesOf(credential)) {
        const body =
          method === 'POST' ? '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":9}' : undefined;
        const request = {
          method,
          target,
          headers: [...headers, 'x-forwarded-for', '203.0.113.7'],
          ...(body && { body }),
        };
        const { status } = await exchange(t, router.url, request);
        const admitted = ADMITTED[access].includes(role as Role);
        // 429: this many failures of one client are looked at no longer.
        assert.equal(![401, 403, 429].includes(status), admitted, `${route} as ${role}: ${status}`);
      }
    }
  }
});

function placesOf(credential: string): string[][] {
  if (credential === '') return [[]];
  return [
    ['authorization', `Bearer ${credential}`],
    ['x-api-key', credential],
    ['x-goog-api-key', credential],
    ['api-key', credential],
  ];
}

test('S11 a refusal says the same whatever was wrong with the token', async (t) => {
  const { router, credentials } = await setUp(t);
  const bodies = new Set<string>();
  for (const role of ['garbage', 'expired client', 'foreign'] as const) {
    const answer = await exchange(t, router.url, messagesRequest(credentials[role]));
    assert.equal(answer.status, 401, role);
    bodies.add(answer.body.toString().replace(/req_\w+/, ''));
  }
  assert.equal(bodies.size, 1);
});

test('S10 the flat admin key opens no model route, and a key that is not set opens nothing', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  assert.equal((await exchange(t, router.url, messagesRequest(ADMIN_KEY))).status, 401);
  for (const adminKey of [undefined, '', '  ']) {
    const bare = await startTestRouter(t, { upstreamProvider: 'simulator', adminKey });
    for (const key of ['', ' ', 'undefined', 'null', ADMIN_KEY]) {
      const request = { target: '/api/tokens/list', headers: ['authorization', `Bearer ${key}`] };
      assert.equal((await exchange(t, bare.url, request)).status, 401);
    }
  }
});
