import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { errorJson, messageJson, messageStream } from '../support/messages.ts';
import { startTestRouter } from '../support/router.ts';
import { type Script, startUpstream } from '../support/upstream.ts';
import { assertOperatorOnly } from './credentials.ts';
import { loadSdk } from './sdk.ts';

const { Anthropic, AuthenticationError } = await loadSdk();

const MESSAGE = { model: 'claude-opus-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'Say something.' }] };
const USAGE = { input: 21, output: 8, cacheWrite: 3, cacheRead: 4 };

async function setUp(t: TestContext, script: Script) {
  const upstream = await startUpstream(t, script);
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  return { upstream, url: router.url, token, client: new Anthropic({ baseURL: router.url, apiKey: token }) };
}

test('CL16: an answer in one piece arrives as it was sent', async (t) => {
  const answer = messageJson({ text: 'One piece.', usage: USAGE });
  const { upstream, client, token } = await setUp(t, (_request, reply) => reply.json(200, answer));
  assert.deepEqual(await client.messages.create(MESSAGE), JSON.parse(answer));
  const request = await upstream.request(0);
  assert.equal(request.url, '/v1/messages');
  assert.deepEqual(request.json, MESSAGE);
  assert.equal(request.header('anthropic-version'), '2026-10-21');
  assertOperatorOnly(request, [token]);
});

test('CL2: authToken works as apiKey does', async (t) => {
  const { upstream, url, token } = await setUp(t, (_request, reply) => reply.json(200, messageJson()));
  await new Anthropic({ baseURL: url, authToken: token }).messages.create(MESSAGE);
  assertOperatorOnly(await upstream.request(0), [token]);
});

test('CL16: a stream with text and a tool call is put together whole', async (t) => {
  const toolUse = { name: 'get_weather', input: { city: 'Zürich', days: [1, 2] } };
  const { client } = await setUp(t, (_request, reply) =>
    reply.stream(messageStream({ text: 'Let me look outside.', toolUse, usage: USAGE }), { pauseMs: 5 }),
  );
  const message = await client.messages.stream(MESSAGE).finalMessage();
  assert.deepEqual(
    message.content.map(({ type }) => type),
    ['text', 'tool_use'],
  );
  assert.equal(message.content[0]?.text, 'Let me look outside.');
  assert.deepEqual(message.content[1]?.input, toolUse.input);
  assert.equal(message.stop_reason, 'tool_use');
  assert.partialDeepStrictEqual(message.usage, { input_tokens: 21, output_tokens: 8, cache_read_input_tokens: 4 });
});

test('CL5: the first event is there while the upstream is still writing', async (t) => {
  const read = Promise.withResolvers<void>();
  const { client } = await setUp(t, async (_request, reply) => {
    const events = messageStream();
    await reply.events(events.slice(0, 1));
    await read.promise;
    await reply.end(events.slice(1).join(''));
  });
  const types: string[] = [];
  for await (const { type } of await client.messages.create({ ...MESSAGE, stream: true })) {
    types.push(type);
    read.resolve();
  }
  assert.equal(types[0], 'message_start');
  assert.equal(types.at(-1), 'message_stop');
});

test('CL16: tokens are counted', async (t) => {
  const { upstream, client, token } = await setUp(t, (_request, reply) => reply.json(200, '{"input_tokens":42}'));
  const { model, messages } = MESSAGE;
  assert.deepEqual(await client.messages.countTokens({ model, messages }), { input_tokens: 42 });
  const request = await upstream.request(0);
  assert.equal(request.url, '/v1/messages/count_tokens');
  assertOperatorOnly(request, [token]);
});

test('CL15: models are listed', async (t) => {
  const model = {
    type: 'model',
    id: 'claude-scripted-1',
    display_name: 'Scripted',
    created_at: '2026-01-01T00:00:00Z',
  };
  const page = { data: [model], has_more: false, first_id: model.id, last_id: model.id };
  const { client } = await setUp(t, (_request, reply) => reply.json(200, JSON.stringify(page)));
  const { data } = await client.models.list();
  assert.deepEqual(
    data.map(({ id }) => id),
    ['claude-scripted-1'],
  );
});

// The SDK takes the clean end of such a stream for the end of the answer and says nothing: only the router can tell its user.
for (const [how, finish] of [
  ['cuts', (reply) => reply.cut()],
  ['resets', (reply) => reply.reset()],
  ['ends without its last event', (reply) => reply.end()],
] as const satisfies readonly (readonly [string, (reply: Parameters<Script>[1]) => void | Promise<void>])[]) {
  test(`CL7: a stream that the upstream ${how} is an error, not a short answer`, async (t) => {
    const { upstream, client } = await setUp(t, async (_request, reply) => {
      await reply.events(messageStream({ text: 'Half of what there is to say.' }).slice(0, 5), { pauseMs: 5 });
      await finish(reply);
    });
    const types: string[] = [];
    const reading = async () => {
      for await (const { type } of await client.messages.create({ ...MESSAGE, stream: true })) types.push(type);
    };
    await assert.rejects(reading, /"api_error"/);
    assert.equal(types[0], 'message_start');
    assert.equal(upstream.requests.length, 1);
  });
}

test('CL9: a garbage token is refused at the first request', async (t) => {
  const { upstream, url } = await setUp(t, (_request, reply) => reply.json(200, messageJson()));
  const attempt = new Anthropic({ baseURL: url, apiKey: 'la_sk_garbage' }).messages.create(MESSAGE);
  await assert.rejects(attempt, (error) => {
    assert.ok(error instanceof AuthenticationError);
    assert.partialDeepStrictEqual(error.error, { type: 'error', error: { type: 'authentication_error' } });
    assert.ok(error.requestID, 'no request id (CL14)');
    return true;
  });
  assert.equal(upstream.requests.length, 0);
});

test('CL8: an error of the upstream keeps its status and its text', async (t) => {
  const { client } = await setUp(t, (_request, reply) =>
    reply.json(400, errorJson('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum')),
  );
  await assert.rejects(client.messages.create(MESSAGE), { status: 400, message: /prompt is too long: 210000 tokens/ });
});
