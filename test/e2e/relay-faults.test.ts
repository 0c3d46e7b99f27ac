import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { CutError } from '../support/byte-reader.ts';
import { exchange, openRaw } from '../support/client.ts';
import { errorEvent, messageStream } from '../support/messages.ts';
import { errorOf, messagesRequest, STREAM_BODY } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const EVENTS = messageStream({ text: 'one two three', usage: { input: 50, output: 9 } });
const PING = 'event: ping\ndata: {"type": "ping"}\n\n';
function eventsOf(text: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = [];
  createParser({ onEvent: (event) => events.push(event) }).feed(text);
  return events;
}

const IN_BAND = /event: error\ndata: (\{.*\})\n\n$/;

test('U6 U8 a stream without its terminal event never ends cleanly, wherever it was cut', async (t) => {
  const upstream = await startUpstream(t, () => {});
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const whole = EVENTS.join('');
  for (const at of [EVENTS[0]!.length, EVENTS[0]!.length + 9, whole.length - EVENTS.at(-1)!.length, whole.length - 1]) {
    for (const end of ['end', 'cut'] as const) {
      upstream.script = async (_, reply) => {
        reply.head(200, { 'content-type': 'text/event-stream' });
        await reply.write(whole.slice(0, at));
        if (end === 'end') await reply.end();
        else reply.cut();
      };
      const answer = await exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY }));
      assert.equal(answer.status, 200);
      assert.equal(answer.end, 'cut', `${end} at ${at}`);
      const text = answer.body.toString();
      assert.ok(text.startsWith(whole.slice(0, at)));
      assert.equal(JSON.parse(IN_BAND.exec(text)![1]!).error.type, 'api_error');
      const events = eventsOf(text);
      assert.deepEqual(events.slice(0, -1), eventsOf(whole.slice(0, at)), 'half an event is no event of its own');
      assert.equal(events.at(-1)?.event, 'error');
    }
  }
});

test('CL7 an upstream that says 200 and then nothing is still an HTTP error', async (t) => {
  const upstream = await startUpstream(t, () => {});
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const end of ['end', 'cut'] as const) {
    upstream.script = async (_, reply) => {
      reply.head(200, { 'content-type': 'text/event-stream' }).flush();
      if (end === 'end') await reply.end();
      else reply.cut();
    };
    const answer = await exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY }));
    assert.equal(answer.status, 502, end);
    assert.equal(errorOf(answer.body).type, 'api_error');
  }
});

test('U12 an error event of the upstream passes through and is the end of the stream', async (t) => {
  const bytes = EVENTS.slice(0, 3).join('') + errorEvent('overloaded_error', 'Overloaded');
  const upstream = await startUpstream(t, async (_, reply) => {
    reply.head(200, { 'content-type': 'text/event-stream' });
    await reply.end(bytes);
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue(), { body: STREAM_BODY }));
  assert.equal(answer.end, 'clean');
  assert.equal(answer.body.toString(), bytes);
});

test('U7 a JSON answer that is shorter than it said is cut, not ended', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    reply.head(200, { 'content-type': 'application/json', 'content-length': '1000' });
    await reply.write('{"type":"message"');
    reply.cut();
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(answer.end, 'cut');
});

test('CL6 U5 a silent stream gets pings between events, then an error at the idle limit', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    await reply.hang();
  });
  const limits = { pingIntervalMs: 300, streamIdleTimeoutMs: 1_500 };
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, ...limits });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue(), { body: STREAM_BODY }));
  const text = answer.body.toString();
  assert.equal(answer.end, 'cut');
  assert.ok(text.startsWith(EVENTS.slice(0, 2).join('') + PING + PING));
  assert.equal(JSON.parse(IN_BAND.exec(text)![1]!).error.type, 'timeout_error');
  await upstream.requests[0]!.closed;
});

test('a ping never stands inside an event', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    await reply.write('event: content_block_delta\nda');
    await sleep(900);
    await reply.write('ta: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n');
    await reply.end(EVENTS.slice(-2).join(''));
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, pingIntervalMs: 200 });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue(), { body: STREAM_BODY }));
  assert.equal(answer.end, 'clean');
  assert.equal(answer.body.toString().includes(PING), false);
});

test('U4 an upstream that hangs before its answer is 504 at the limit, asked once, and booked', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.hang());
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, firstByteTimeoutMs: 400 });
  const { token, record } = await router.router.tokens.issue();
  const answer = await exchange(t, router.url, messagesRequest(token));
  assert.equal(answer.status, 504);
  assert.equal(errorOf(answer.body).type, 'timeout_error');
  await upstream.requests[0]!.closed;
  assert.equal(upstream.requests.length, 1);
  const usage = await router.router.usageOf(record.id);
  assert.equal(usage.requests, 1);
  assert.ok(usage.inputTokens > 0);
  assert.match(router.logs.find((line) => line.includes('"request"')) ?? '', /"status":504,"ended":"upstream_timeout"/);
});

test('U1 an upstream that is down is 502', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as { port: number };
  closed.close();
  const router = await startTestRouter(t, { upstreamBaseUrl: `http://127.0.0.1:${port}` });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(answer.status, 502);
  assert.equal(errorOf(answer.body).type, 'api_error');
});

test('U18 U16 what is no HTTP answer is 502', async (t) => {
  const upstream = await startUpstream(t, () => {});
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const headers = Array.from({ length: 400 }, (_, i) => `x-${i}: ${'v'.repeat(50)}\r\n`).join('');
  for (const raw of [
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\r\nx\nbad: 1\r\n\r\n',
    `HTTP/1.1 200 OK\r\n${headers}\r\n`,
    '',
  ]) {
    upstream.script = async (_, reply) => {
      await reply.raw(raw);
      reply.rawEnd();
    };
    const answer = await exchange(t, router.url, messagesRequest(token));
    assert.equal(answer.status, 502, JSON.stringify(raw.slice(0, 30)));
  }
});

test('U21 a redirect is never followed', async (t) => {
  const other = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const upstream = await startUpstream(t, async (_, reply) => {
    reply.head(307, { location: `${other.url}/v1/messages` });
    await reply.end();
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const answer = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(answer.status, 502);
  assert.equal(answer.head.header('location'), undefined);
  assert.equal(other.requests.length, 0);
});

test('U22 a kept connection that the upstream closes under a request is tried again on a fresh one', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
  let connections = 0;
  const server = createServer((socket) => {
    const first = ++connections === 1;
    let requests = 0;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (!bytes.includes('HTTP/1.1\r\n')) return;
      requests += 1;
      if (first && requests === 2) socket.resetAndDestroy();
      else socket.write(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const router = await startTestRouter(t, {
    upstreamBaseUrl: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
  });
  const token = await router.issue();
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  assert.equal(connections, 2);
});

test('C2 R9 a client that leaves ends the upstream request within a second and pays for what it got', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 5));
    await reply.hang();
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { token, record } = await router.router.tokens.issue();
  const connection = await openRaw(t, router.url);
  await connection.request(messagesRequest(token, { body: STREAM_BODY }));
  const head = await connection.head();
  let text = '';
  for await (const piece of connection.body(head)) {
    text += piece.toString();
    if (text.includes('three')) break;
  }
  const left = performance.now();
  connection.destroy();
  await upstream.requests[0]!.closed;
  assert.ok(upstream.requests[0]!.goneAt! - left < 1_000);
  let usage = await router.router.usageOf(record.id);
  for (let i = 0; i < 50 && usage.requests === 0; i += 1) {
    await sleep(20);
    usage = await router.router.usageOf(record.id);
  }
  assert.equal(usage.inputTokens, 50);
  assert.ok(usage.outputTokens >= 'one two three'.length / 3);
});

test('C4 a client that does not read slows the upstream down and is cut at the stall limit', async (t) => {
  let written = 0;
  const filler = `event: content_block_delta\ndata: ${'x'.repeat(65_000)}\n\n`;
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    for (let open = true; open && written < 2_000; written += 1) {
      open = await reply.write(filler).then(
        () => true,
        () => false,
      );
    }
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, writeStallTimeoutMs: 500 });
  const connection = await openRaw(t, router.url);
  await connection.request(messagesRequest(await router.issue(), { body: STREAM_BODY }));
  await connection.head();
  const request = await upstream.request(0);
  await request.closed;
  assert.notEqual(request.goneAt, undefined);
  assert.ok(written < 400, `${written} blocks of 64 KB were taken from the upstream`);
});

test('R11 a token that is revoked in the middle of its stream is cut off within a second', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    await reply.hang();
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { token, record } = await router.router.tokens.issue();
  const connection = await openRaw(t, router.url);
  await connection.request(messagesRequest(token, { body: STREAM_BODY }));
  const head = await connection.head();
  const body = connection.body(head);
  const first = await body.next();
  assert.equal(first.done, false);
  const before = performance.now();
  await router.router.tokens.revoke(record.id);
  let rest = '';
  await assert.rejects(async () => {
    for await (const piece of body) rest += piece.toString();
  }, CutError);
  assert.ok(performance.now() - before < 1_000);
  assert.match(rest, IN_BAND);
});

test('P1 P2 at the end of the process readiness falls first, running streams finish, and stragglers get an error', async (t) => {
  let finish = () => {};
  const upstream = await startUpstream(t, async (request, reply) => {
    await reply.events(EVENTS.slice(0, 2));
    if (request.body.includes('straggler')) return reply.hang();
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    await reply.end(EVENTS.slice(2).join(''));
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, drainTimeoutMs: 1_000 });
  const token = await router.issue();
  const good = exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY }));
  await upstream.request(0);
  const straggling = exchange(t, router.url, messagesRequest(token, { body: STREAM_BODY.replace('hi', 'straggler') }));
  await upstream.request(1);
  const idle = await openRaw(t, router.url);
  await idle.request({ target: '/readyz' });
  assert.equal((await idle.answer()).status, 200);
  const drained = router.router.drain();
  finish();
  assert.equal((await good).end, 'clean');
  const cut = await straggling;
  assert.equal(cut.end, 'cut');
  assert.match(cut.body.toString(), /event: error\ndata: .*overloaded_error/);
  await drained;
});
