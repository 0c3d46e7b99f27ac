import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const writeCredentials = (home: string, accessToken: string) => {
  writeFileSync(join(home, 'tmp'), JSON.stringify({ claudeAiOauth: { accessToken, refreshToken: 'r', scopes: [] } }));
  renameSync(join(home, 'tmp'), join(home, '.credentials.json'));
};

test('T7 an OAuth credential adds the version and its beta only where they are missing', async (t) => {
  const home = await temporaryFolder(t);
  writeCredentials(home, 'oauth-secret');
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    anthropicApiKey: undefined,
    claudeCodeHome: home,
  });
  const token = await router.issue();
  const cases: [string[], string[], string[]][] = [
    [[], ['oauth-2025-04-20'], ['2023-06-01']],
    [['anthropic-beta', 'a, b'], ['a, b,oauth-2025-04-20'], ['2023-06-01']],
    [['anthropic-beta', 'oauth-2025-04-20', 'anthropic-beta', 'b'], ['oauth-2025-04-20', 'b'], ['2023-06-01']],
    [['anthropic-version', '2026-10-21'], ['oauth-2025-04-20'], ['2026-10-21']],
  ];
  for (const [sent, betas, versions] of cases) {
    const headers = ['x-api-key', token, ...sent];
    await exchange(t, router.url, { method: 'POST', target: '/v1/messages', headers, body: '{"model":"m"}' });
    const request = upstream.requests.at(-1)!;
    assert.deepEqual(request.headers('anthropic-beta'), betas);
    assert.deepEqual(request.headers('anthropic-version'), versions);
    assert.deepEqual(request.headers('authorization'), ['Bearer oauth-secret']);
    assert.deepEqual(request.headers('x-api-key'), []);
  }
});

test('R2 U11 a credential that was renewed on disk is taken at the 401, without an error for the client', async (t) => {
  const home = await temporaryFolder(t);
  writeCredentials(home, 'old');
  const upstream = await startUpstream(t, async (request, reply) => {
    if (request.header('authorization') === 'Bearer new') return reply.json(200, messageJson());
    writeCredentials(home, 'new');
    await reply.json(401, '{"type":"error","error":{"type":"authentication_error","message":"expired"}}');
  });
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    anthropicApiKey: undefined,
    claudeCodeHome: home,
  });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(answer.status, 200);
  assert.equal(upstream.requests.length, 2);
  assert.deepEqual(upstream.requests[1]!.body, upstream.requests[0]!.body);
});

test('an API key is used before a subscription, and a token can be pinned to an account', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, claudeCodeOauthToken: 'sub-secret' });
  await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.notEqual(upstream.requests[0]!.header('x-api-key'), undefined);
  await exchange(t, router.url, messagesRequest(await router.issue({ account: 'oauth-token' })));
  assert.equal(upstream.requests[1]!.header('authorization'), 'Bearer sub-secret');
});

test('no disguise: nothing is added that would make the client look like another one', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    anthropicApiKey: undefined,
    claudeCodeOauthToken: 'sub-secret',
  });
  const request = messagesRequest(await router.issue(), { headers: ['user-agent', 'my-script/1'] });
  await exchange(t, router.url, request);
  const seen = upstream.requests[0]!;
  assert.deepEqual(seen.body.toString(), request.body);
  const names = seen.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  assert.deepEqual(
    names.toSorted(),
    [
      ...['accept-encoding', 'anthropic-beta', 'anthropic-version', 'authorization', 'connection', 'content-length'],
      ...['content-type', 'host', 'user-agent'],
    ].toSorted(),
  );
  assert.equal(seen.header('user-agent'), 'my-script/1');
});
