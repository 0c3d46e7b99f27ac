import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { exchange } from '../support/client.ts';
import { messageJson, messageStream } from '../support/messages.ts';
import { messagesRequest, SMALL_BODY, STREAM_BODY } from '../support/messages-client.ts';
import { OPERATOR_KEY, startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

test('R5 native lane: what the client sent is what the upstream got, and back, for every chunking', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const stream = Buffer.from(
    messageStream({ text: 'Grüße, 世界 🌍 and a few more words', toolUse: { name: 'f', input: {} } }).join(''),
  );
  const spaces = fc.stringMatching(/^[ \n\r\t]{0,4}$/);

  await fc.assert(
    fc.asyncProperty(fc.json(), spaces, fc.integer({ min: 1, max: 97 }), async (value, space, size) => {
      const body = `${space}{${space}"x" :${value},\n "model":"claude-opus-5-5"${space},"stream":true }${space}`;
      upstream.script = async (_, reply) => {
        reply.head(200, { 'content-type': 'text/event-stream' });
        await reply.end(stream, { size });
      };
      const answer = await exchange(t, router.url, messagesRequest(token, { body }));
      assert.equal(answer.status, 200);
      assert.equal(answer.end, 'clean');
      assert.deepEqual(answer.body, stream);
      assert.deepEqual(upstream.requests.at(-1)?.body, Buffer.from(body));
    }),
    { numRuns: 40 },
  );
});

test('CL12 CL16 headers go on as they are, with the operator credential in place of the client one', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: `${upstream.url}/prefix` });
  const token = await router.issue();
  await exchange(
    t,
    router.url,
    messagesRequest(token, {
      target: '/api/latest/anthropic/v1/messages?beta=true&a=%20+b',
      headers: [
        'anthropic-beta',
        'one,two',
        'Anthropic-Beta',
        'three',
        'x-claude-code-session-id',
        's',
        'accept-encoding',
        'gzip',
        'cookie',
        'c=1',
      ],
    }),
  );
  const request = upstream.requests[0]!;
  assert.equal(request.url, '/prefix/v1/messages?beta=true&a=%20+b');
  assert.deepEqual(request.headers('anthropic-beta'), ['one,two', 'three']);
  assert.deepEqual(request.headers('anthropic-version'), ['2023-06-01']);
  assert.equal(request.header('x-claude-code-session-id'), 's');
  assert.deepEqual(request.headers('accept-encoding'), ['identity']);
  assert.deepEqual(request.headers('x-api-key'), [OPERATOR_KEY]);
  assert.deepEqual(request.headers('authorization'), []);
  assert.deepEqual(request.headers('cookie'), []);
  assert.equal(request.rawHeaders.join('\n').includes(token), false);
});

test('CL9 CL14 hints and repeated headers of an answer are relayed, both request ids are ours', async (t) => {
  const upstream = await startUpstream(t, async (_, reply) => {
    reply.head(429, [
      ...['content-type', 'application/json', 'retry-after', '7', 'x-should-retry', 'true', 'x-new', '1', 'x-new', '2'],
      ...['request-id', 'req_upstream', 'anthropic-organization-id', 'org', 'anthropic-ratelimit-requests-limit', '9'],
    ]);
    await reply.end('{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}');
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { head, body } = await exchange(t, router.url, messagesRequest(await router.issue()));
  assert.equal(head.status, 429);
  assert.match(body.toString(), /slow down/);
  assert.equal(head.header('retry-after'), '7');
  assert.equal(head.header('x-should-retry'), 'true');
  assert.deepEqual(head.headers('x-new'), ['1', '2']);
  assert.equal(head.header('anthropic-organization-id'), undefined);
  assert.equal(head.header('anthropic-ratelimit-requests-limit'), undefined);
  assert.match(head.header('request-id') ?? '', /^req_[0-9a-f]{30}$/);
  assert.equal(head.header('x-request-id'), head.header('request-id'));
  assert.equal(head.header('x-upstream-request-id'), 'req_upstream');
});

test('CL4 compressed request bodies are decoded, and their header does not go on', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const [coding, bytes] of [
    ['zstd', zstdCompressSync(SMALL_BODY)],
    ['gzip', gzipSync(SMALL_BODY)],
    ['br', brotliCompressSync(SMALL_BODY)],
  ] as const) {
    const answer = await exchange(
      t,
      router.url,
      messagesRequest(token, { body: bytes, headers: ['content-encoding', coding] }),
    );
    assert.equal(answer.status, 200, coding);
    assert.equal(upstream.requests.at(-1)!.body.toString(), SMALL_BODY);
    assert.equal(upstream.requests.at(-1)!.header('content-encoding'), undefined);
  }
});

test('U17 an answer that is compressed all the same goes through as it is, and its usage is read', async (t) => {
  const usage = { input: 30, output: 7, cacheWrite: 5, cacheRead: 11 };
  const json = gzipSync(messageJson({ usage }));
  const stream = gzipSync(messageStream({ usage }).join(''));
  const upstream = await startUpstream(t, async (request, reply) => {
    const streamed = request.body.includes('"stream":true');
    reply.head(200, {
      'content-type': streamed ? 'text/event-stream' : 'application/json',
      'content-encoding': 'gzip',
    });
    await reply.end(streamed ? stream : json, { size: 50 });
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { token, record } = await router.router.tokens.issue();
  for (const [body, expected] of [
    [SMALL_BODY, json],
    [STREAM_BODY, stream],
  ] as const) {
    const answer = await exchange(t, router.url, messagesRequest(token, { body }));
    assert.equal(answer.end, 'clean');
    assert.equal(answer.head.header('content-encoding'), 'gzip');
    assert.deepEqual(answer.body, expected);
  }
  assert.deepEqual(await router.router.usageOf(record.id), {
    requests: 2,
    inputTokens: 60,
    outputTokens: 14,
    cacheWriteTokens: 10,
    cacheReadTokens: 22,
  });
});

test('all four classes of usage are booked once per request, streamed or not; counting tokens costs nothing', async (t) => {
  const usage = { input: 100, output: 20, cacheWrite: 3, cacheRead: 50 };
  const upstream = await startUpstream(t, async (request, reply) => {
    if (request.url.includes('count_tokens')) await reply.json(200, '{"input_tokens":4711}');
    else if (request.body.includes('"stream":true')) await reply.stream(messageStream({ usage }));
    else await reply.json(200, messageJson({ usage }));
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { token, record } = await router.router.tokens.issue();
  const requests = [{ body: STREAM_BODY }, { body: SMALL_BODY }, { target: '/v1/messages/count_tokens?beta=true' }];
  for (const request of requests) {
    assert.equal((await exchange(t, router.url, messagesRequest(token, request))).status, 200);
  }
  assert.deepEqual(await router.router.usageOf(record.id), {
    requests: 3,
    inputTokens: 200,
    outputTokens: 40,
    cacheWriteTokens: 6,
    cacheReadTokens: 100,
  });
});
