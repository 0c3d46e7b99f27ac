import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { exchange } from '../support/client.ts';
import { messageJson, messageStream } from '../support/messages.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';
import { assertOperatorOnly } from './credentials.ts';

/**
 * Requests as real clients sent them, texts replaced by stand-ins. They hold more kinds of members (server tools, safeguards,
 * tool references, subagents, replayed signatures) than a run against a scripted upstream provokes.
 */
const FOLDER = new URL('../fixtures/captures/', import.meta.url);

const capture = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.looseObject({ stream: z.boolean().optional() }).nullable(),
});

const captures = readdirSync(FOLDER).map((name) => {
  const content: unknown = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
  return Object.assign(capture.parse(content), { name });
});

/** What the router replaces or speaks for itself: the credential, and what is agreed on one connection only. */
const OWN_HEADERS = new Set(['authorization', 'accept-encoding']);

for (const { name, method, url, headers, body } of captures.filter((one) => one.body !== null)) {
  test(`CL1 CL12 CL16: ${name} reaches the upstream as it is`, async (t) => {
    const events = messageStream();
    const upstream = await startUpstream(t, (_request, reply) =>
      body?.stream ? reply.stream(events) : reply.json(200, messageJson()),
    );
    const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
    const token = await router.issue();
    const sent = JSON.stringify(body);
    const flat = Object.entries({ ...headers, authorization: `Bearer ${token}` }).flat();
    const answer = await exchange(t, router.url, { method, target: url, headers: flat, body: sent });

    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), body?.stream ? events.join('') : messageJson());
    const request = await upstream.request(0);
    assert.equal(request.url, url);
    assert.equal(request.body.toString(), sent);
    for (const [header, value] of Object.entries(headers)) {
      if (!OWN_HEADERS.has(header)) assert.deepEqual(request.headers(header), [value], header);
    }
    assertOperatorOnly(request, [token]);
  });
}

for (const { name, method, url, headers } of captures.filter((one) => one.url.startsWith('/v1/models'))) {
  test(`CL15: ${name} is answered with a list in Anthropic's shape`, async (t) => {
    const upstream = await startUpstream(t, (_request, reply) => reply.json(500, '{}'));
    const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
    const flat = Object.entries({ ...headers, authorization: `Bearer ${await router.issue()}` }).flat();
    const answer = await exchange(t, router.url, { method, target: url, headers: flat });
    assert.equal(answer.status, 200);
    const page = z.object({
      data: z.array(z.object({ type: z.literal('model'), id: z.string().regex(/^claude/), display_name: z.string() })),
      has_more: z.boolean(),
    });
    assert.ok(page.parse(JSON.parse(answer.body.toString())).data.length > 0);
  });
}

test('CL3: the probe of Claude Code is answered without a credential and never forwarded', async (t) => {
  const probe = captures.find(({ name }) => name === 'claude-head-probe.json');
  assert.ok(probe);
  const upstream = await startUpstream(t, (_request, reply) => reply.json(200, '{}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { method, url, headers } = probe;
  const answer = await exchange(t, router.url, { method, target: url, headers: Object.entries(headers).flat() });
  assert.equal(answer.status, 200);
  assert.equal(upstream.requests.length, 0);
});
