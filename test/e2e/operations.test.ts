import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const ADMIN = ['authorization', `Bearer ${ADMIN_KEY}`];

test('CL3 S34 health and probes are open, cheap and say nothing', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  for (const [method, target, body] of [
    ['GET', '/health', 'ok'],
    ['GET', '/livez', 'ok'],
    ['GET', '/readyz', 'ok'],
    ['HEAD', '/', ''],
    ['HEAD', '/api/hello', ''],
  ] as const) {
    const answer = await exchange(t, router.url, { method, target });
    assert.equal(answer.status, 200, target);
    assert.equal(answer.body.toString(), body);
    assert.match(answer.head.header('request-id') ?? '', /^req_/);
  }
  assert.equal(
    router.logs.some((line) => line.includes('"probe"')),
    false,
  );
});

test('11 metrics keep their names, have help lines, and count refused, streamed and broken requests', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  await exchange(t, router.url, messagesRequest(token));
  await exchange(t, router.url, messagesRequest('wrong'));
  upstream.script = async (_, reply) => {
    reply.head(200, { 'content-type': 'text/event-stream' });
    await reply.end('event: message_start\ndata: {}\n\n');
  };
  await exchange(t, router.url, messagesRequest(token));
  await router.router.usageOf('');

  const { body, head } = await exchange(t, router.url, { target: '/metrics' });
  assert.match(head.header('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = body.toString();
  for (const [line] of [
    ['link_assistant_requests_total 3'],
    ['link_assistant_errors_total 2'],
    ['link_assistant_anthropic_messages_total 3'],
    ['link_assistant_openai_chat_completions_total 0'],
    ['link_assistant_openai_responses_total 0'],
    ['link_assistant_tokens_revoked_total 0'],
    ['link_assistant_status_total{code="200"} 2'],
    ['link_assistant_status_total{code="401"} 1'],
    ['link_assistant_account_calls_total{account="api-key"} 2'],
    ['# TYPE link_assistant_bytes_in_total counter'],
    ['# HELP link_assistant_bytes_out_total'],
  ]) {
    assert.ok(text.includes(line!), `${line} in\n${text.slice(0, 3000)}`);
  }
  assert.match(text, /link_assistant_bytes_in_total [1-9]/);
  assert.match(text, /link_assistant_tokens_issued_total [1-9]/);
  assert.equal(/token=|label=/.test(text), false);

  const usage = JSON.parse((await exchange(t, router.url, { target: '/v1/usage', headers: ADMIN })).body.toString());
  assert.deepEqual(usage.account_calls, { 'api-key': 2 });
  assert.equal(usage.anthropic_messages, 3);
  assert.ok(usage.bytes_in > 0 && usage.bytes_out > 0);
});

test('S16 metrics are for admins, and for processes of this machine that ask directly', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const status = async (headers: string[]) => (await exchange(t, router.url, { target: '/metrics', headers })).status;
  assert.equal(await status([]), 200);
  assert.equal(await status(['x-forwarded-for', '203.0.113.9']), 401, 'through a proxy on this machine');
  assert.equal(await status(['host', 'rebound.example']), 401, 'from a page whose name was bound to loopback');
  assert.equal(await status(['host', 'rebound.example', ...ADMIN]), 200);
});

test('A6 accounts are named without paths or secrets', async (t) => {
  const router = await startTestRouter(t, { claudeCodeOauthToken: 'sub-secret-value' });
  const { body } = await exchange(t, router.url, { target: '/v1/accounts', headers: ADMIN });
  const { accounts } = JSON.parse(body.toString());
  assert.deepEqual(
    accounts.map(({ name, healthy }: { name: string; healthy: boolean }) => [name, healthy]),
    [
      ['api-key', true],
      ['oauth-token', true],
      ['primary', false],
    ],
  );
  assert.equal(/\/|secret/.test(body.toString()), false);
});

test('DISABLE_METRICS takes the figures away', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator', disableMetrics: true });
  for (const target of ['/metrics', '/v1/usage', '/v1/accounts']) {
    assert.equal((await exchange(t, router.url, { target, headers: ADMIN })).status, 404);
  }
});

test('CL15 models: the upstream list in the shape of the caller, with a token only', async (t) => {
  const models = ['a', 'b', 'c'].map((id) => ({
    type: 'model',
    id: `claude-${id}`,
    display_name: id,
    created_at: '2026-01-01T00:00:00Z',
    new_member: 1,
  }));
  const upstream = await startUpstream(t, (_, reply) =>
    reply.json(200, JSON.stringify({ data: models, has_more: false })),
  );
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const get = async (target: string, headers: string[] = []) => {
    const answer = await exchange(t, router.url, { target, headers: ['authorization', `Bearer ${token}`, ...headers] });
    return JSON.parse(answer.body.toString());
  };
  const version = ['anthropic-version', '2023-06-01'];
  assert.deepEqual(await get('/v1/models?limit=1000', version), {
    data: models,
    has_more: false,
    first_id: 'claude-a',
    last_id: 'claude-c',
  });
  const page = await get('/v1/models?limit=1&after_id=claude-a', version);
  assert.deepEqual([page.data[0].id, page.has_more, page.last_id], ['claude-b', true, 'claude-b']);
  const list = await get('/v1/models');
  assert.deepEqual(list.data[0], { id: 'claude-a', object: 'model', created: 1767225600, owned_by: 'anthropic' });
  assert.equal(upstream.requests.length, 1, 'the list is kept');
  assert.equal((await exchange(t, router.url, { target: '/v1/models' })).status, 401);
});

test('CL15 an upstream without a list does not keep a client waiting', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.hang());
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const before = performance.now();
  const headers = ['x-api-key', await router.issue(), 'anthropic-version', '2023-06-01'];
  const answer = await exchange(t, router.url, { target: '/v1/models', headers });
  assert.ok(performance.now() - before < 3_000);
  assert.ok(JSON.parse(answer.body.toString()).data.every(({ id }: { id: string }) => id.startsWith('claude')));
});
