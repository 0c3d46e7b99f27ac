import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { anthropicErrors } from '../../src/dialects/anthropic/error.ts';
import { openaiErrors } from '../../src/dialects/openai-chat/error.ts';
import { type ErrorCode, ERRORS, RouterError } from '../../src/errors.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { type Route, RouteTable } from '../../src/http/routes.ts';
import { listen } from '../../src/http/server.ts';
import { createLog } from '../../src/log/log.ts';
import { createRedactor } from '../../src/log/redact.ts';
import { exchange, openRaw, type RawRequest } from '../support/client.ts';
import { errorJson, messageStream } from '../support/messages.ts';
import { messagesRequest, STREAM_BODY } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const CODES = Object.keys(ERRORS) as ErrorCode[];
const CANARY = 'canaryXq7vB2mKp9wTz4RjLc8nHs5dYf3gA1eU';
const KNOWN = `known-${CANARY}`;

/** An error as HTTP libraries throw it: the request, its headers and the configuration hang on it. */
function loaded(): Error {
  const inner = Object.assign(new Error(`refused with ${KNOWN}`), { response: { headers: { 'set-cookie': CANARY } } });
  const headers = { authorization: `Bearer ${CANARY}`, 'x-api-key': CANARY };
  return Object.assign(new Error(`GET /x?key=${CANARY} with Bearer ${CANARY}`, { cause: inner }), {
    config: { headers },
    request: { headers, body: CANARY },
    socket: { remoteFamily: CANARY },
    code: 'UND_ERR_SOCKET',
  });
}

test('S14 S15 R4 no error of the table lets a secret of its cause into the answer or the log, in any dialect', async (t) => {
  const lines: string[] = [];
  const { log } = createLog({
    level: 'debug',
    redact: createRedactor(() => [KNOWN]),
    destination: { write: (line) => void lines.push(line) },
  });
  const dialects = { anthropic: anthropicErrors, openai: openaiErrors };
  const routes = Object.entries(dialects).flatMap(([name, errors]) =>
    [...CODES, 'thrown'].map(
      (code): Route => ({
        method: 'POST',
        path: `/${name}/${code}`,
        name: 'x',
        access: 'open',
        errors,
        handle() {
          throw code === 'thrown' ? loaded() : new RouterError(code as ErrorCode, 'Told.', { cause: loaded() });
        },
      }),
    ),
  );
  const options = {
    routes: new RouteTable(routes),
    authorize() {},
    errorsFor: () => anthropicErrors,
    onFinished: ({ facts }: Exchange) => log.warn({ err: facts.cause }, 'request'),
    isDraining: () => false,
    headerTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    keepAliveTimeoutMs: 5_000,
    maxConnections: 100,
  };
  const listener = await listen('127.0.0.1', 0, options);
  t.after(() => {
    listener.server.closeAllConnections();
    return listener.close();
  });
  for (const { path } of routes) {
    const answer = await exchange(t, listener.url, { method: 'POST', target: path });
    const code = path.split('/')[2]!;
    assert.equal(answer.status, code === 'thrown' ? 500 : ERRORS[code as ErrorCode].status, path);
    assert.doesNotMatch(answer.head.rawHeaders.join('\n') + answer.body.toString(), /canaryXq7/, path);
  }
  assert.equal(lines.length, routes.length);
  assert.doesNotMatch(lines.join('\n'), /canaryXq7/);
});

/** Notes which rows of the table are answered with, while the router works. */
function watchCodes(t: TestContext): Set<ErrorCode> {
  const seen = new Set<ErrorCode>();
  const original = Object.getOwnPropertyDescriptor(RouterError.prototype, 'kind')!;
  Object.defineProperty(RouterError.prototype, 'kind', {
    configurable: true,
    get(this: RouterError) {
      seen.add(this.code);
      return ERRORS[this.code];
    },
  });
  t.after(() => Object.defineProperty(RouterError.prototype, 'kind', original));
  return seen;
}

/** Limits on how much there is of something: their texts hold nothing of a request, and test/faults brings them about. */
const LIMITS = new Set<string>(['too_many_connections', 'too_many_failures', 'overloaded']);

test('S14 R4 every row of the table is reached through the front door, and says nothing of what the client sent', async (t) => {
  const seen = watchCodes(t);
  const said: string[] = [];
  const dataDir = await temporaryFolder(t);
  const upstream = await startUpstream(t, (_, reply) => reply.hang());
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    storagePolicy: 'sqlite',
    dataDir,
    maxBodyBytes: 20_000,
    firstByteTimeoutMs: 300,
    clientBodyIdleTimeoutMs: 200,
    drainTimeoutMs: 300,
  });
  const ask = async (request: RawRequest, url = router.url) => {
    const answer = await exchange(t, url, request);
    said.push(answer.head.rawHeaders.join('\n'), answer.body.toString());
  };
  const token = await router.issue();
  const ended = await router.router.tokens.issue();
  await router.router.tokens.revoke(ended.record.id);
  const body = JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: CANARY }] });
  const post = (overrides: Partial<RawRequest> = {}, key = token) => messagesRequest(key, { body, ...overrides });
  const deep = `{"model":"m","x":${'['.repeat(200)}"${CANARY}"${']'.repeat(200)}}`;
  const admin = ['authorization', `Bearer ${ADMIN_KEY}`];

  await ask({ method: 'POST', target: `/v1/messages?x=${CANARY}`, body });
  await ask(post({}, CANARY));
  await ask(post({}, ended.token));
  await ask({ target: '/api/tokens/list', headers: ['authorization', `Bearer ${CANARY}`] });
  await ask({ target: '/api/tokens/list', headers: ['authorization', `Bearer ${token}`] });
  await ask({ target: `/${CANARY}` });
  await ask({ method: 'PUT', target: `/v1/messages?x=${CANARY}` });
  await ask(post({ body: `["${CANARY}"]` }));
  await ask(post({ body: `{"${CANARY}` }));
  await ask(post({ body: deep }));
  await ask(post({ body: `{"x":"${CANARY}"}` }));
  await ask(post({ body: `{"model":"${CANARY.repeat(900)}"}` }));
  await ask(post({ headers: ['content-encoding', CANARY] }));
  await ask(post({ headers: ['content-length', '9000'] }));
  await ask({ target: `/?${CANARY.repeat(300)}` });
  await ask({ target: '/health', headers: Array.from({ length: 210 }, () => CANARY) });
  await ask(post({ headers: ['expect', CANARY] }));
  await ask(post({}, await router.issue({ account: 'nobody' })));
  await ask(post());
  for (const script of [
    { code: 401, text: errorJson('authentication_error', CANARY) },
    { code: 302, text: CANARY },
  ]) {
    upstream.script = (_, reply) => reply.json(script.code, script.text);
    await ask(post());
  }
  upstream.script = async (_, reply) => {
    await reply.raw(`${CANARY}\r\n\r\n`);
    reply.rawEnd();
  };
  await ask(post());
  upstream.script = async (_, reply) => {
    reply.head(200, { 'content-type': 'text/event-stream' }).flush();
    await reply.end();
  };
  await ask(post({ body: STREAM_BODY }));

  const bare = await startTestRouter(t, { upstreamBaseUrl: upstream.url, anthropicApiKey: undefined });
  await ask(messagesRequest(await bare.issue(), { body }), bare.url);
  const away = await startTestRouter(t, { upstreamBaseUrl: `http://127.0.0.1:${await closedPort()}` });
  await ask(messagesRequest(await away.issue(), { body }), away.url);

  const fresh = await router.issue();
  const database = new DatabaseSync(join(dataDir, 'core.db'));
  database.exec('alter table usage rename to usage_away');
  await ask({ target: `/v1/usage?token=${CANARY}`, headers: admin });
  database.exec('alter table usage_away rename to usage');
  database.exec('alter table tokens rename to tokens_away');
  await ask(post({}, fresh));
  database.exec('alter table tokens_away rename to tokens');
  database.close();

  const before = upstream.requests.length;
  upstream.script = async (_, reply) => {
    await reply.events(messageStream().slice(0, 2));
    await reply.hang();
  };
  const connection = await openRaw(t, router.url);
  await connection.request(post({ body: STREAM_BODY }));
  await upstream.request(before);
  await connection.head();
  await router.router.drain();

  const missing = CODES.filter((code) => !seen.has(code) && !LIMITS.has(code));
  assert.deepEqual(missing, [], 'a new row has to be brought about here, with a secret in what the client sent');
  for (const text of [...said, ...router.logs, ...bare.logs, ...away.logs]) {
    assert.doesNotMatch(text, /canaryXq7/i, inspect(text.slice(0, 300)));
  }
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
