import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { exchange, openRaw, type RawAnswer } from '../support/client.ts';
import { messageJson, messageStream } from '../support/messages.ts';
import { errorOf, messagesRequest, SMALL_BODY, STREAM_BODY } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const admin = (target: string, body?: string) => ({
  method: body === undefined ? 'GET' : 'POST',
  target,
  headers: ['authorization', `Bearer ${ADMIN_KEY}`],
  ...(body === undefined ? {} : { body }),
});

function assertOverloaded(answer: RawAnswer): void {
  assert.equal(answer.status, 503);
  assert.equal(errorOf(answer.body).type, 'overloaded_error');
  assert.match(answer.head.header('retry-after') ?? '', /^[1-9]\d*$/);
  assert.equal(answer.head.header('x-should-retry'), undefined);
}

/** Streams that stay open until `finish`. */
async function startHolding(t: TestContext) {
  const { promise, resolve: finish } = Promise.withResolvers<void>();
  const events = messageStream();
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(events.slice(0, 2));
    await promise;
    await reply.end(events.slice(2).join(''));
  });
  return { upstream, finish };
}

test('S28 the streams of one token have a cap, which other tokens do not feel', async (t) => {
  const { upstream, finish } = await startHolding(t);
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxStreamsPerToken: 2 });
  const [token, other] = [await router.issue(), await router.issue()];
  const held: Promise<RawAnswer>[] = [];
  for (let i = 0; i < 2; i += 1) {
    held.push(exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY })));
    await upstream.request(i);
  }
  assertOverloaded(await exchange(t, router.url, messagesRequest(token)));
  assert.equal(upstream.requests.length, 2);
  held.push(exchange(t, router.url, messagesRequest(other, { body: STREAM_BODY })));
  await upstream.request(2);
  finish();
  for (const answer of await Promise.all(held)) assert.equal(answer.end, 'clean');
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
});

test('S28 all streams together have a cap, and who leaves makes room', async (t) => {
  const { upstream, finish } = await startHolding(t);
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxStreams: 2 });
  const leaving = await openRaw(t, router.url);
  await leaving.request(messagesRequest(await router.issue(), { body: STREAM_BODY }));
  await upstream.request(0);
  const staying = exchange(t, router.url, messagesRequest(await router.issue(), { body: STREAM_BODY }));
  await upstream.request(1);

  const token = await router.issue();
  assertOverloaded(await exchange(t, router.url, messagesRequest(token)));
  leaving.destroy();
  await upstream.requests[0]!.closed;
  finish();
  assert.equal((await exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY }))).end, 'clean');
  assert.equal((await staying).end, 'clean');
});

test('S28 a body that the pool has no room for is refused before it is read', async (t) => {
  const { upstream, finish } = await startHolding(t);
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, bodyBufferBytes: 4_000 });
  const token = await router.issue();
  const large = STREAM_BODY.replace('"hi"', JSON.stringify('x'.repeat(3_000)));
  const held = exchange(t, router.url, messagesRequest(token, { body: large }));
  await upstream.request(0);

  const declared = await openRaw(t, router.url);
  const { body: _, ...head } = messagesRequest(token, { headers: ['content-length', '2000'] });
  await declared.request(head);
  assertOverloaded(await declared.answer());

  const chunked = await openRaw(t, router.url);
  await chunked.request({ ...head, headers: [...messagesRequest(token).headers!, 'transfer-encoding', 'chunked'] });
  await chunked.send(`7d0\r\n${'x'.repeat(2_000)}\r\n`);
  assertOverloaded(await chunked.answer());

  assert.equal(upstream.requests.length, 1);
  finish();
  assert.equal((await held).end, 'clean');
  const after = await exchange(t, router.url, messagesRequest(token, { body: large }));
  assert.equal(after.status, 200);
});

test('S28 what a compressed body grows to counts too', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    bodyBufferBytes: 64_000,
    maxBodyBytes: 60_000,
  });
  const token = await router.issue();
  const headers = ['content-encoding', 'gzip'];
  const bomb = gzipSync(SMALL_BODY.replace('"hi"', JSON.stringify(' '.repeat(50_000))));
  assert.ok(bomb.length < 1_000);
  assert.equal((await exchange(t, router.url, messagesRequest(token, { body: bomb, headers }))).status, 200);
  const small = await startTestRouter(t, {
    upstreamBaseUrl: upstream.url,
    bodyBufferBytes: 20_000,
    maxBodyBytes: 60_000,
  });
  assertOverloaded(await exchange(t, small.url, messagesRequest(await small.issue(), { body: bomb, headers })));
  assert.equal(upstream.requests.length, 1);
});

test('S28 admin bodies need no room in the pool', async (t) => {
  const router = await startTestRouter(t, { bodyBufferBytes: 1024 });
  const label = 'x'.repeat(60);
  const body = JSON.stringify({ label }) + ' '.repeat(2_000);
  assert.equal((await exchange(t, router.url, admin('/api/tokens', body))).status, 200);
});

test('a strained event loop sheds model requests only, and takes them again when it is calm', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, eventLoopLagLimitMs: 20 });
  const token = await router.issue();
  const strain = setInterval(() => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  }, 1);
  t.after(() => clearInterval(strain));
  await sleep(600);

  assertOverloaded(await exchange(t, router.url, messagesRequest(token)));
  assert.equal(upstream.requests.length, 0);
  for (const target of ['/health', '/livez', '/readyz']) {
    assert.equal((await exchange(t, router.url, { target })).status, 200, target);
  }
  assert.equal((await exchange(t, router.url, admin('/api/tokens/list'))).status, 200);
  const metrics = (await exchange(t, router.url, { target: '/metrics' })).body.toString();
  assert.match(metrics, /^link_assistant_refused_total\{cause="event_loop"\} 1$/m);
  const lag = Number(/^link_assistant_event_loop_lag_seconds\{quantile="0.99"\} (\S+)$/m.exec(metrics)?.[1]);
  assert.ok(lag > 0.02 && lag < 5, `${lag} s`);

  clearInterval(strain);
  const calm = performance.now();
  let answer = await exchange(t, router.url, messagesRequest(token));
  while (answer.status === 503 && performance.now() - calm < 10_000) {
    await sleep(100);
    answer = await exchange(t, router.url, messagesRequest(token));
  }
  assert.equal(answer.status, 200);
});
