import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  assertError,
  CREDENTIAL,
  eventsOf,
  FAST,
  messageOf,
  startTestSimulator,
  STREAM,
  typesOf,
} from '../support/simulator.ts';

const countShape = z.strictObject({ input_tokens: z.number() });
const pageShape = z.strictObject({
  data: z.array(
    z.strictObject({ type: z.literal('model'), id: z.string(), display_name: z.string(), created_at: z.string() }),
  ),
  has_more: z.boolean(),
  first_id: z.string(),
  last_id: z.string(),
});
const deltaShape = z.object({ delta: z.object({ text: z.string() }) });

test('the credential is demanded on every route', async (t) => {
  const { url } = await startTestSimulator(t);
  for (const path of ['/v1/messages', '/v1/models', '/elsewhere']) {
    await assertError(await fetch(url + path), 401, 'authentication_error', 'invalid x-api-key');
    const headers = { 'x-api-key': `${CREDENTIAL}.`, authorization: `Bearer ${CREDENTIAL}` };
    await assertError(await fetch(url + path, { headers }), 401, 'authentication_error');
  }
});

test('it listens on loopback only', async (t) => {
  const { url } = await startTestSimulator(t);
  assert.equal(new URL(url).hostname, '127.0.0.1');
});

test('other routes and methods are 404 in the shape of the API', async (t) => {
  const { get, post } = await startTestSimulator(t);
  await assertError(await get('/v1/messages'), 404, 'not_found_error', 'Not Found');
  await assertError(await post({}, '/v1/complete'), 404, 'not_found_error');
});

test('CL16 a stream and a whole message say the same', async (t) => {
  const { ask } = await startTestSimulator(t);
  const message = await messageOf(await ask(FAST));
  assert.match(message.id, /^msg_01[A-Za-z0-9]{22}$/);
  const events = await eventsOf(await ask(FAST, STREAM));
  for (const { event, data } of events) assert.match(data, new RegExp(`^\\{"type":"${event}"[,}]`));
  const types = typesOf(events);
  assert.deepEqual(types.slice(0, 4), ['message_start', 'content_block_start', 'ping', 'content_block_delta']);
  assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
  const deltas = events.filter(({ event }) => event === 'content_block_delta');
  assert.ok(deltas.length > 20);
  assert.equal(
    deltas.map(({ data }) => deltaShape.parse(JSON.parse(data)).delta.text).join(''),
    message.content[0].text,
  );
});

test('the same request gets the same answer, apart from its ids', async (t) => {
  const { ask } = await startTestSimulator(t);
  const [first, second] = await Promise.all([ask('hello'), ask('hello')]);
  const { id: firstId, ...firstRest } = await messageOf(first);
  const { id: secondId, ...secondRest } = await messageOf(second);
  assert.deepEqual(firstRest, secondRest);
  assert.notEqual(firstId, secondId);
  assert.notEqual(first.headers.get('request-id'), second.headers.get('request-id'));
});

test('answers carry the headers of the API', async (t) => {
  const { ask } = await startTestSimulator(t, () => Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const { headers } = await ask('hello');
  assert.match(headers.get('request-id') ?? '', /^req_01[A-Za-z0-9]{22}$/);
  assert.equal(headers.get('anthropic-ratelimit-requests-limit'), '4000');
  assert.equal(headers.get('anthropic-ratelimit-requests-remaining'), '3999');
  assert.equal(headers.get('anthropic-ratelimit-input-tokens-reset'), '2026-01-02T03:04:05Z');
  assert.ok(headers.has('anthropic-organization-id'));
});

test('CL15 models come in pages', async (t) => {
  const { get } = await startTestSimulator(t);
  const all = pageShape.parse(await (await get('/v1/models?limit=1000')).json());
  const ids = all.data.map(({ id }) => id);
  assert.ok(ids.length > 2 && ids.every((id) => id.startsWith('claude-')));
  assert.deepEqual([all.has_more, all.first_id, all.last_id], [false, ids[0], ids.at(-1)]);
  const page = pageShape.parse(await (await get(`/v1/models?limit=1&after_id=${ids[0]}`)).json());
  assert.deepEqual([page.data, page.has_more], [[all.data[1]], true]);
});

test('CL18 tokens are counted as a message books them', async (t) => {
  const { post } = await startTestSimulator(t);
  const body = { model: 'm', messages: [{ role: 'user', content: 'How many tokens are these?' }] };
  const counted = await post(body, '/v1/messages/count_tokens?beta=true');
  const { input_tokens } = countShape.parse(await counted.json());
  const { usage } = await messageOf(await post({ ...body, max_tokens: 5 }, '/v1/messages?beta=true'));
  assert.ok(input_tokens > 5);
  assert.equal(usage.input_tokens, input_tokens);
});

test('a cached prompt is written, then read', async (t) => {
  const { ask } = await startTestSimulator(t);
  const system = [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }];
  const { usage: first } = await messageOf(await ask('hello', { system }));
  const { usage: second } = await messageOf(await ask('hello', { system }));
  assert.ok(first.cache_creation_input_tokens > 0);
  assert.deepEqual(
    [first.cache_read_input_tokens, second.cache_read_input_tokens, second.cache_creation_input_tokens],
    [0, first.cache_creation_input_tokens, 0],
  );
});

const valid = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] };
const invalid: readonly [what: string, body: unknown, message: string][] = [
  ['broken JSON', '{"model":', 'not valid JSON'],
  ['an empty body', '', 'not valid JSON'],
  ['no object', '[]', 'should be an object'],
  ['no model', { ...valid, model: undefined }, '^model: Field required$'],
  ['a model that is no text', { ...valid, model: 7 }, '^model: Input should be a valid string$'],
  ['no max_tokens', { ...valid, max_tokens: undefined }, '^max_tokens: Field required$'],
  ['max_tokens of 0', { ...valid, max_tokens: 0 }, '^max_tokens: .*greater than or equal to 1$'],
  ['max_tokens that is a text', { ...valid, max_tokens: '10' }, '^max_tokens: .*valid integer$'],
  ['no messages', { ...valid, messages: undefined }, '^messages: Field required$'],
  ['empty messages', { ...valid, messages: [] }, '^messages: at least one message is required$'],
  ['a message that is null', { ...valid, messages: [null] }, String.raw`^messages\.0: `],
  [
    'a message without role',
    { ...valid, messages: [{ content: 'x' }] },
    String.raw`^messages\.0\.role: Field required$`,
  ],
  ['a message without content', { ...valid, messages: [{ role: 'user' }] }, String.raw`^messages\.0\.content: `],
  ['a blank stop sequence', { ...valid, stop_sequences: [' '] }, 'non-whitespace'],
  ['a tool that is no object', { ...valid, tools: ['x'] }, String.raw`^tools\.0: `],
];

for (const [what, body, message] of invalid) {
  test(`a request with ${what} is 400`, async (t) => {
    const { post } = await startTestSimulator(t);
    await assertError(await post(body), 400, 'invalid_request_error', message);
  });
}

test('count_tokens needs no max_tokens, and the rest all the same', async (t) => {
  const { post } = await startTestSimulator(t);
  await assertError(
    await post({ model: 'm' }, '/v1/messages/count_tokens'),
    400,
    'invalid_request_error',
    '^messages: ',
  );
});

test('CL4 a body over 33 MiB is 413', async (t) => {
  const { post } = await startTestSimulator(t);
  await assertError(await post('x'.repeat(33 * 1024 * 1024 + 1)), 413, 'request_too_large');
});
