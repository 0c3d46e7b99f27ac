import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exchange, openRaw, type RawRequest } from '../support/client.ts';
import { errorEvent, errorJson, messageJson, messageStream } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { temporaryFolder } from '../support/temp.ts';
import { type Script, startUpstream } from '../support/upstream.ts';

const canary = (name: string) => `canary${name}Xq7vB2mKp9wTz4RjLc8nHs5dYf3gA1eU`;

/** Twelve secrets, each in a place of its own. */
const SECRETS = {
  signingSecret: canary('Signing'),
  adminKey: canary('Admin'),
  apiKey: `sk-ant-api03-${canary('Key')}`,
  oauthToken: canary('Oauth'),
  fileAccessToken: canary('FileAccess'),
  fileRefreshToken: canary('FileRefresh'),
  foreignBearer: canary('ForeignBearer'),
  foreignKey: canary('ForeignKey'),
  queryKey: canary('Query'),
  cookie: canary('Cookie'),
  prompt: canary('Prompt'),
  echoed: canary('Echoed'),
};

const SCRIPTS: Record<string, Script> = {
  ok: (_, reply) => reply.json(200, messageJson()),
  stream: (_, reply) => reply.stream(messageStream()),
  unauthorized: (_, reply) => reply.json(401, errorJson('authentication_error', `bad key ${SECRETS.echoed}`)),
  overloaded: (_, reply) => reply.json(529, errorJson('overloaded_error', 'busy'), { 'x-api-key': SECRETS.echoed }),
  html: (_, reply) => reply.json(503, `<html>${SECRETS.echoed}</html>`),
  redirect: (_, reply) => reply.json(302, '', { location: `https://evil.example/?key=${SECRETS.echoed}` }),
  cut: async (_, reply) => {
    await reply.events(messageStream().slice(0, 3));
    reply.cut();
  },
  errorInStream: async (_, reply) => {
    await reply.stream([...messageStream().slice(0, 2), errorEvent('api_error', SECRETS.echoed)]);
  },
  noHttp: async (_, reply) => {
    await reply.raw(`${SECRETS.echoed}\r\n\r\n`);
    reply.rawEnd();
  },
  hang: (_, reply) => reply.hang(),
};

test('S14 S17 R4 I8 twelve planted secrets never appear in logs, errors, metrics or files, on any branch', async (t) => {
  const home = await temporaryFolder(t);
  const dataDir = await temporaryFolder(t);
  const credentials = { accessToken: SECRETS.fileAccessToken, refreshToken: SECRETS.fileRefreshToken };
  writeFileSync(join(home, '.credentials.json'), JSON.stringify({ claudeAiOauth: credentials }));
  const upstream = await startUpstream(t, () => {});
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    tokenSecret: SECRETS.signingSecret,
    adminKey: SECRETS.adminKey,
    anthropicApiKey: SECRETS.apiKey,
    claudeCodeOauthToken: SECRETS.oauthToken,
    claudeCodeHome: home,
    storagePolicy: 'sqlite',
    dataDir,
    firstByteTimeoutMs: 300,
    maxBodyBytes: 20_000,
    verbose: true,
  });
  const tokens = await Promise.all(
    ['api-key', 'oauth-token', 'primary', 'missing'].map((account) => router.issue({ account })),
  );
  const ended = await router.router.tokens.issue();
  await router.router.tokens.revoke(ended.record.id);
  const good = tokens[0]!;

  const seen: string[] = [];
  const ask = async (request: RawRequest) => {
    const answer = await exchange(t, router.url, request);
    seen.push(answer.head.rawHeaders.join('\n'), answer.body.toString());
  };
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: SECRETS.prompt }] });
  const extra = ['cookie', SECRETS.cookie, 'x-api-key', SECRETS.foreignKey];
  const target = `/v1/messages?key=${SECRETS.queryKey}`;

  for (const script of Object.values(SCRIPTS)) {
    upstream.script = script;
    for (const token of tokens) await ask(messagesRequest(token, { target, headers: extra, body }));
  }
  // What the upstream says of a failed request is relayed as it is; the rest of what clients see must be clean.
  const relayed = seen.splice(0).map((text) => text.replaceAll(SECRETS.echoed, ''));

  await ask(messagesRequest(ended.token, { target, headers: extra, body }));
  await ask(messagesRequest(SECRETS.foreignBearer, { target, headers: extra, body }));
  await ask(messagesRequest(good, { target, headers: extra, body: body.slice(0, -1) }));
  await ask(messagesRequest(good, { target, body: `${body.slice(0, -1)},"model":"${SECRETS.prompt}"}` }));
  await ask(messagesRequest(good, { target, body: `{"model":"${SECRETS.prompt.repeat(900)}"}` }));
  await ask(messagesRequest(good, { body, headers: ['content-encoding', SECRETS.prompt] }));
  await ask({ method: 'PUT', target, headers: ['authorization', `Bearer ${good}`, ...extra] });
  await ask({ target: `/${SECRETS.queryKey}`, headers: extra });
  await ask({ method: 'POST', target: '/api/tokens', headers: ['authorization', `Bearer ${SECRETS.foreignBearer}`] });
  const admin = ['authorization', `Bearer ${SECRETS.adminKey}`];
  await ask({
    method: 'POST',
    target: '/api/tokens',
    headers: admin,
    body: `{"label":"${SECRETS.prompt}${SECRETS.prompt}"}`,
  });
  await ask({ method: 'POST', target: '/api/tokens', headers: admin, body: `{"${SECRETS.prompt}` });
  for (const path of ['/metrics', '/v1/usage', '/v1/accounts', '/api/tokens/list'])
    await ask({ target: path, headers: admin });
  const raw = await openRaw(t, router.url);
  await raw.send(`GET / HTTP/1.1\r\nauthorization: Bearer ${SECRETS.foreignBearer}\nx y: z\r\n\r\n`);
  seen.push((await raw.answer()).body.toString());
  await router.router.usageOf('');

  const places: Record<string, string> = {
    logs: router.logs.join(''),
    relayed: relayed.join('\n'),
    answers: seen.join('\n'),
    files: readdirSync(dataDir)
      .map((name) => readFileSync(join(dataDir, name), 'latin1'))
      .join('\n'),
  };
  assert.ok(router.logs.length > 40, 'the branches were logged');
  for (const [place, text] of Object.entries(places)) {
    for (const [name, secret] of Object.entries({ ...SECRETS, clientToken: good, revokedToken: ended.token })) {
      assert.equal(text.includes(secret), false, `${name} in ${place}`);
    }
  }
});
