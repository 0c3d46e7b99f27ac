import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, openRaw } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

/** Line ends, terminal sequences of 7 and 8 bits, invisible and reordering marks, and what closes a JSON text. */
const TEXTS = [
  ...['a\r\n{"level":"error","forged":true}', 'a\nb', 'a\0b', 'a\u2028b', 'a\u2029b', 'a\x85b', '\x1b[2J\x1b]0;x\x07'],
  ...['\x9b2J', '\u202egpj', '\u2066x', '\u200b', '\ufeff', '\x7f', '"}', '\\', '\ud800', '🙂', 'é'],
];
/** What none of the lines may hold as it is. */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

test('C13 model, user agent, request id and the upstream cannot write lines or terminal sequences into the log', async (t) => {
  const upstream = await startUpstream(t, (_, reply) =>
    reply.json(200, messageJson(), { 'request-id': 'up\x9b2J\x85\xad' }),
  );
  const router = await startRouterProcess(t, upstream.url);
  const { token } = await router.issue();
  let served = 0;
  for (const text of TEXTS) {
    const body = JSON.stringify({ model: text, messages: [] });
    if ((await exchange(t, router.url, messagesRequest(token, { body }))).status === 200) served += 1;
    for (const name of ['user-agent', 'x-request-id', 'request-id', 'anthropic-version', 'x-app']) {
      const connection = await openRaw(t, router.url);
      const bytes = Buffer.from(`GET /v1/x HTTP/1.1\r\nhost: h\r\n${name}: ${text}\r\n\r\n`);
      await connection.send(bytes);
      const head = await connection.head();
      assert.ok(head.status === 404 || head.status === 400, `${head.status}`);
      assert.match(head.header('request-id')!, /^req_[0-9a-f]{30}$/, 'an id of ours');
      connection.destroy();
    }
  }
  assert.ok(served >= TEXTS.length - 1, `${served} models were passed on`);
  router.running.signal('SIGTERM');
  const { stderr } = await router.running.result;
  const lines = stderr.trimEnd().split('\n');
  for (const line of lines) assert.doesNotMatch(line, ACTIVE);
  // Before the log there are warnings on the settings, for a terminal.
  const records = lines
    .filter((line) => !line.startsWith('warning: '))
    .map((line) => JSON.parse(line) as { model?: string; forged?: boolean });
  assert.equal(
    records.some(({ forged }) => forged),
    false,
  );
  const models = records.flatMap(({ model }) => model ?? []);
  assert.deepEqual(
    models,
    TEXTS.slice(0, models.length).map((text) => text),
  );
  assert.equal(models.length, served);
});

test('C13 labels have a closed alphabet, and no text of a client becomes a label of a metric', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  const headers = ['authorization', `Bearer ${ADMIN_KEY}`];
  for (const label of TEXTS.filter((text) => text !== 'é')) {
    const request = { method: 'POST', target: '/api/tokens', headers, body: JSON.stringify({ label }) };
    assert.equal((await exchange(t, router.url, request)).status, 400, JSON.stringify(label));
  }
  const token = await router.issue();
  await exchange(t, router.url, messagesRequest(token, { body: '{"model":"canary-model"}' }));
  await exchange(
    t,
    router.url,
    messagesRequest(token, { target: '/canary-path', headers: ['user-agent', 'canary-agent'] }),
  );
  const metrics = await exchange(t, router.url, { target: '/metrics', headers });
  assert.equal(metrics.status, 200);
  assert.doesNotMatch(metrics.body.toString(), /canary/);
});
