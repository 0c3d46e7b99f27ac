import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CutError } from '../support/byte-reader.ts';
import { openRaw } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messageJson, messageStream } from '../support/messages.ts';
import { STREAM_BODY } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const EVENTS = messageStream({ text: 'one two' });

/** One request as it stands on the wire. `nonce` comes back in the answer of the upstream of these tests. */
function raw(token: string, nonce: string, body = '{"model":"m"}'): string {
  const head = `POST /v1/messages?nonce=${nonce} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`;
  return `${head}content-length: ${body.length}\r\n\r\n${body}`;
}

async function bench(t: Parameters<typeof startUpstream>[0]) {
  let inWork = 0;
  let most = 0;
  const upstream = await startUpstream(t, async (request, reply) => {
    inWork += 1;
    most = Math.max(most, inWork);
    const nonce = new URL(request.url, 'http://x').searchParams.get('nonce')!;
    if (request.body.includes('"stream":true')) {
      await reply.events(EVENTS, { pauseMs: 10 });
      await reply.end();
    } else if (nonce === 'hang') await reply.hang();
    else await reply.json(200, messageJson({ id: nonce }));
    inWork -= 1;
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  return { upstream, router, token: await router.issue(), most: () => most };
}

const idOf = (body: Buffer) => (JSON.parse(body.toString()) as { id: string }).id;

test('C7 100 requests in one write are answered in order, each with its own answer, one in work at a time', async (t) => {
  const { upstream, router, token, most } = await bench(t);
  const connection = await openRaw(t, router.url);
  await connection.send(Array.from({ length: 100 }, (_, i) => raw(token, `n${i}`)).join(''));
  for (let i = 0; i < 100; i += 1) assert.equal(idOf((await connection.answer()).body), `n${i}`);
  assert.equal(upstream.requests.length, 100);
  assert.equal(most(), 1);
});

test('C7 of more than waits on one connection the rest is not served: the connection is closed', async (t) => {
  const { upstream, router, token } = await bench(t);
  const connection = await openRaw(t, router.url);
  await connection.send(Array.from({ length: 150 }, (_, i) => raw(token, `n${i}`)).join(''));
  for (let i = 0; i <= 100; i += 1) assert.equal(idOf((await connection.answer()).body), `n${i}`);
  await assert.rejects(connection.head(), CutError);
  assert.equal(upstream.requests.length, 101);
});

test('C7 a request behind a stream waits for its end, refused ones too, and a bad credential gets no answer of another', async (t) => {
  const { router, token, most } = await bench(t);
  const connection = await openRaw(t, router.url);
  const health = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n';
  await connection.send(raw(token, 'stream', STREAM_BODY) + raw('wrong', 'w') + health + raw(token, 'after'));
  const stream = await connection.answer();
  assert.equal(stream.body.toString(), EVENTS.join(''));
  assert.equal((await connection.answer()).status, 401);
  assert.equal((await connection.answer()).body.toString(), 'ok');
  assert.equal(idOf((await connection.answer()).body), 'after');
  assert.equal(most(), 1);
});

test('C7 what is no request behind a stream closes the connection after it; CONNECT closes it at once', async (t) => {
  const { upstream, router, token } = await bench(t);
  const connection = await openRaw(t, router.url);
  await connection.send(`${raw(token, 'stream', STREAM_BODY)}\0\0 no request\r\n\r\n${raw(token, 'n')}`);
  const stream = await connection.answer();
  assert.deepEqual([stream.body.toString(), stream.end], [EVENTS.join(''), 'clean']);
  await assert.rejects(connection.head(), CutError);

  const tunnel = await openRaw(t, router.url);
  await tunnel.send(`${raw(token, 'hang')}CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n`);
  await assert.rejects(tunnel.head(), CutError);
  assert.equal(upstream.requests.length <= 2, true, 'nothing behind it was served');
});

test('C7 C2 requests that wait when their client leaves are never served, and the running one ends', async (t) => {
  const { upstream, router, token } = await bench(t);
  const connection = await openRaw(t, router.url);
  await connection.send(raw(token, 'hang') + raw(token, 'a') + raw(token, 'b'));
  await upstream.request(0);
  const left = performance.now();
  connection.destroy();
  await eventually(
    () => upstream.requests[0]!.goneAt,
    (at) => at !== undefined,
  );
  assert.ok(upstream.requests[0]!.goneAt! - left < 1_000);
  await router.router.drain();
  assert.equal(upstream.requests.length, 1);
});
