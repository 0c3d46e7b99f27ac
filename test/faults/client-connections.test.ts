import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { exchange, openRaw, type RawConnection } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messageStream } from '../support/messages.ts';
import { errorOf, messagesRequest, STREAM_BODY } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import { startTestRouter } from '../support/router.ts';
import type { Cleanup } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const EVENTS = messageStream({ text: 'one two' });

test('C6 10,000 idle connections: the cap of 8,000 holds, the longest idle goes first, and new clients are served', async (t) => {
  const router = await startRouterProcess(t, undefined);
  const closed: number[] = [];
  const sockets: Socket[] = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 10_000; i += 1) {
    const socket = connect({ port: Number(new URL(router.url).port), host: '127.0.0.1' });
    socket
      .on('error', () => {})
      .on('close', () => closed.push(i))
      .resume();
    sockets.push(socket);
    if (i % 250 !== 249) continue;
    await once(socket, 'connect');
    // Connections wait at several doors: of those that wait together, any may be taken first.
    await eventually(
      () => router.descriptors() >= Math.min(i + 1, 8_000) && closed.length === Math.max(0, i + 1 - 8_000),
      (taken) => taken,
      10_000,
    );
  }
  assert.equal(closed.length, 2_000);
  const descriptors = router.descriptors();
  assert.ok(descriptors >= 8_000 && descriptors < 8_100, `${descriptors} descriptors`);
  assert.ok(Math.max(...closed) < 2_000, 'the oldest went, and no other');
  assert.equal((await exchange(t, router.url, { target: '/health' })).status, 200);
  const { token } = await router.issue();
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
});

test('C6 when no connection is idle a new client gets 503 with retry-after, health checks an answer, and room is used again', async (t) => {
  const upstream = await startUpstream(t, async (request, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    if (request.url.includes('hang')) await reply.hang();
    else await reply.end(EVENTS.slice(2).join(''));
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxConnections: 5 });
  const token = await router.issue();
  const running = await Promise.all(Array.from({ length: 5 }, () => hangingStream(t, router.url, token)));
  const refused = await exchange(t, router.url, messagesRequest(token));
  assert.equal(refused.status, 503);
  assert.equal(errorOf(refused.body).type, 'overloaded_error');
  assert.equal(refused.head.header('retry-after'), '1');
  assert.equal(refused.head.header('connection'), 'close');
  assert.equal((await exchange(t, router.url, { target: '/livez' })).status, 200);
  assert.equal(upstream.requests.length, 5);

  const flood = await Promise.all(Array.from({ length: 200 }, () => openRaw(t, router.url)));
  await eventually(
    () => flood.filter(({ socket }) => socket.resume().closed || socket.readableEnded).length,
    (count) => count >= 200 - 64,
  );
  for (const connection of flood) connection.destroy();
  running[0]!.destroy();
  const served = await eventually(
    () => exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY })),
    ({ status }) => status === 200,
  );
  assert.equal(served.body.toString(), EVENTS.join(''), 'the room of a client that left is used again');
});

test('C6 an idle connection makes room for a new one; one with a request in work never does', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    await reply.hang();
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, maxConnections: 3 });
  const token = await router.issue();
  const busy = await hangingStream(t, router.url, token);
  const oldest = await openRaw(t, router.url);
  const used = await openRaw(t, router.url);
  await oldest.request({ target: '/health' });
  await oldest.answer();
  await used.request({ target: '/health' });
  await used.answer();
  const gone = once(oldest.socket, 'close');
  oldest.socket.resume();
  assert.equal((await exchange(t, router.url, { target: '/health' })).status, 200);
  await gone;
  await used.request({ target: '/health' });
  assert.equal((await used.answer()).status, 200);
  assert.equal(busy.socket.closed, false);
});

async function hangingStream(t: Cleanup, url: string, token: string): Promise<RawConnection> {
  const connection = await openRaw(t, url);
  await connection.request(messagesRequest(token, { target: '/v1/messages?hang', body: STREAM_BODY }));
  await connection.head();
  return connection;
}
