import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { z } from 'zod';
import { errorEvent, messageJson, messageStream } from '../support/messages.ts';
import { startTestRouter } from '../support/router.ts';
import { type Script, startUpstream } from '../support/upstream.ts';
import { runClaude } from './claude.ts';
import { assertOperatorOnly } from './credentials.ts';
import { installClients } from './install.ts';

before(() => installClients());

const plainAnswer: Script = (_request, reply) => reply.stream(messageStream({ text: 'A plain answer.' }));

async function setUp(t: TestContext, script: Script) {
  const upstream = await startUpstream(t, script);
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  return { upstream, router, token: await router.issue() };
}

/** The requests that reached the router, by its own log. */
function logged(logs: readonly string[]): Record<string, unknown>[] {
  return logs.map((line): Record<string, unknown> => JSON.parse(line)).filter(({ msg }) => msg === 'request');
}

test('CL16: claude -p prints a plain answer', async (t) => {
  const { upstream, router, token } = await setUp(t, plainAnswer);
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  assert.equal(run.output, 'A plain answer.\n');
  assert.equal(run.exitCode, 0);
  assert.deepEqual(
    upstream.requests.map(({ method, url }) => `${method} ${url}`),
    ['POST /v1/messages?beta=true'],
  );
  for (const request of upstream.requests) assertOperatorOnly(request, [token]);
});

test('CL12: the betas and the body members of Claude Code arrive', async (t) => {
  const { upstream, router, token } = await setUp(t, plainAnswer);
  await runClaude(t, router.url, {
    ANTHROPIC_AUTH_TOKEN: token,
    ANTHROPIC_CUSTOM_HEADERS: 'anthropic-unheard-of: yes',
  });
  const request = await upstream.request(0);
  const body = z.looseObject({}).parse(request.json);
  assert.match(request.header('anthropic-beta') ?? '', /^claude-code-20250219,/);
  assert.equal(request.header('anthropic-unheard-of'), 'yes');
  assert.equal(request.header('x-app'), 'cli');
  assert.ok(request.header('x-claude-code-session-id'));
  for (const member of ['context_management', 'output_config', 'thinking', 'metadata']) {
    assert.ok(member in body, member);
  }
});

test('CL16: a tool round trip: the call is run, and its result comes back', async (t) => {
  const command = 'echo forty-$((40 + 2))';
  const { upstream, router, token } = await setUp(t, (request, reply) => {
    const asked = request.body.includes('"tool_result"');
    const toolUse = { id: 'toolu_01echo', name: 'Bash', input: { command, description: 'Print a word' } };
    return reply.stream(messageStream(asked ? { text: 'It is done.' } : { text: 'I will try.', toolUse }));
  });
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  assert.equal(run.output, 'It is done.\n');
  assert.equal(run.exitCode, 0);
  assert.equal(upstream.requests.length, 2);
  const [result] = toolResults(upstream.requests[1]?.json);
  assert.equal(result?.tool_use_id, 'toolu_01echo');
  assert.match(JSON.stringify(result?.content), /forty-42/);
  for (const request of upstream.requests) assertOperatorOnly(request, [token]);
});

test('CL9: a revoked token stops Claude Code at once, and nothing goes upstream', async (t) => {
  const { upstream, router } = await setUp(t, plainAnswer);
  const { token, record } = await router.router.tokens.issue({ label: 'Revoked' });
  await router.router.tokens.revoke(record.id);
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  assert.equal(run.exitCode, 1);
  assert.match(run.output, /API Error: 403/);
  assert.ok(run.durationMs < 20_000, `took ${run.durationMs} ms`);
  const requests = logged(router.logs).filter(({ route }) => route === 'messages');
  assert.ok(requests.length >= 1 && requests.length <= 2, `${requests.length} requests`);
  assert.equal(upstream.requests.length, 0);
});

test('CL9: a garbage token stops Claude Code at once', async (t) => {
  const { upstream, router } = await setUp(t, plainAnswer);
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: 'la_sk_garbage' });
  assert.equal(run.exitCode, 1);
  assert.match(run.output, /API Error: 401/);
  assert.ok(run.durationMs < 20_000, `took ${run.durationMs} ms`);
  assert.equal(upstream.requests.length, 0);
});

test('CL16: after an error inside the stream, the fallback without streaming is answered', async (t) => {
  const { upstream, router, token } = await setUp(t, (request, reply) => {
    if (!isStreaming(request.json)) return reply.json(200, messageJson({ text: 'The answer in one piece.' }));
    const begun = messageStream({ text: 'Half an answer.' }).slice(0, 4);
    return reply.stream([...begun, errorEvent('overloaded_error', 'Overloaded')]);
  });
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  assert.equal(run.output, 'The answer in one piece.\n');
  assert.equal(run.exitCode, 0);
  assert.deepEqual(
    upstream.requests.map(({ json }) => isStreaming(json)),
    [true, false],
  );
});

test('CL7: a stream that is cut is asked for again, and never taken for a whole answer', async (t) => {
  const whole = { text: 'The whole answer.' };
  const { upstream, router, token } = await setUp(t, async (request, reply) => {
    // Whether it sees the error event or only the broken connection decides in which form it asks again.
    if (!isStreaming(request.json)) return reply.json(200, messageJson(whole));
    if (upstream.requests.length > 1) return reply.stream(messageStream(whole));
    await reply.events(messageStream({ text: 'Half an answer.' }).slice(0, 4));
    reply.cut();
  });
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  assert.equal(run.output, 'The whole answer.\n');
  assert.equal(upstream.requests.length, 2);
});

test('U6: streams that are cut again and again inside their first block, which is thinking, are asked for again', async (t) => {
  const thinking = [
    ...messageStream({ text: '' }).slice(0, 1),
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Half a thought"}}\n\n',
  ];
  const { upstream, router, token } = await setUp(t, async (request, reply) => {
    if (upstream.requests.length > 3) {
      const whole = { text: 'The whole answer.' };
      return isStreaming(request.json) ? reply.stream(messageStream(whole)) : reply.json(200, messageJson(whole));
    }
    if (!isStreaming(request.json))
      return reply.json(529, '{"type":"error","error":{"type":"overloaded_error","message":"x"}}');
    await reply.events(thinking);
    reply.cut();
  });
  const run = await runClaude(t, router.url, { ANTHROPIC_AUTH_TOKEN: token });
  t.diagnostic(`${upstream.requests.map(({ json }) => (isStreaming(json) ? 'stream' : 'json')).join()} ${run.output}`);
  assert.equal(run.output, 'The whole answer.\n');
  assert.equal(run.exitCode, 0);
});

for (const [good, other] of [
  ['ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_API_KEY'],
  ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'],
] as const) {
  test(`CL2: a good ${good} beside another ${other} is found, and neither goes upstream`, async (t) => {
    const { upstream, router, token } = await setUp(t, plainAnswer);
    const run = await runClaude(t, router.url, { [good]: token, [other]: 'sk-something-else' });
    assert.equal(run.output, 'A plain answer.\n');
    for (const request of upstream.requests) assertOperatorOnly(request, [token, 'sk-something-else']);
  });
}

test('CL15: model discovery lists the models of the upstream', async (t) => {
  const model = {
    type: 'model',
    id: 'claude-scripted-1',
    display_name: 'Scripted',
    created_at: '2026-01-01T00:00:00Z',
  };
  const page = { data: [model], has_more: false, first_id: model.id, last_id: model.id };
  const { upstream, router, token } = await setUp(t, (request, reply) =>
    request.url.startsWith('/v1/models') ? reply.json(200, JSON.stringify(page)) : plainAnswer(request, reply),
  );
  const run = await runClaude(t, router.url, {
    ANTHROPIC_AUTH_TOKEN: token,
    CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
  });
  assert.equal(run.exitCode, 0);
  const cached = await readFile(join(run.home, '.claude/cache/gateway-models.json'), 'utf8');
  assert.match(cached, /claude-scripted-1/);
  for (const request of upstream.requests) assertOperatorOnly(request, [token]);
});

function isStreaming(body: unknown): boolean {
  return z.object({ stream: z.boolean().optional() }).parse(body).stream === true;
}

const toolResult = z.object({ type: z.literal('tool_result'), tool_use_id: z.string(), content: z.unknown() });

/** The tool results of a Messages request. */
function toolResults(body: unknown): z.infer<typeof toolResult>[] {
  const { messages } = z.object({ messages: z.array(z.object({ content: z.unknown() })) }).parse(body);
  return messages.flatMap(({ content }) =>
    Array.isArray(content) ? content.flatMap((block: unknown) => toolResult.safeParse(block).data ?? []) : [],
  );
}
