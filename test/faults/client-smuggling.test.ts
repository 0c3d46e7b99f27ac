import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFrontProxy } from '../support/front-proxy.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';
import { SMUGGLING_VECTORS } from './smuggling-vectors.ts';

const SETTLE_MS = 500;
const REFUSALS = /^HTTP\/1\.1 (?:400|401|404|405|408|413|417|431) /;
/** Of these Node closes the connection without a word. */
const WORDLESS = new Set(['preface of HTTP/2']);

/** What a client got for the bytes that it sent. Its connection stays open: an answer may come late. */
interface Heard {
  text: string;
  closed: boolean;
}

async function say(t: TestContext, url: string, bytes: string): Promise<Heard> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.after(() => void socket.destroy());
  const heard: Heard = { text: '', closed: false };
  socket.on('data', (chunk) => (heard.text += chunk.toString('latin1')));
  socket.on('error', () => {}).on('close', () => (heard.closed = true));
  await once(socket, 'connect');
  socket.write(bytes, 'latin1');
  return heard;
}

const answered = ({ text }: Heard) => text.split(/HTTP\/1\.1 200 /).length - 1;

/** Sends every vector on a connection of its own. Returns what came back and what the upstream saw, by number of the vector. */
async function sendAll(t: TestContext, front: 'nginx' | 'haproxy' | undefined) {
  const upstream = await startUpstream(t, (request, reply) => {
    const nonce = new URL(request.url, 'http://x').searchParams.get('nonce') ?? 'msg_1';
    return reply.json(200, messageJson({ id: nonce }));
  });
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, authFailuresPerMinute: 1_000 });
  const url = front === undefined ? router.url : await startFrontProxy(t, front, router.url);
  const token = await router.issue();
  const heard: Heard[] = [];
  for (const [v, { bytes }] of SMUGGLING_VECTORS.entries()) {
    heard.push(await say(t, url, bytes.replaceAll('{T}', token).replaceAll('{V}', String(v))));
  }
  const seen = (v: number) =>
    upstream.requests.filter((request) => new URL(request.url, 'http://x').searchParams.get('v') === String(v));
  const unequal = () =>
    SMUGGLING_VECTORS.flatMap(({ name }, v) => (answered(heard[v]!) === seen(v).length ? [] : [name]));
  return { upstream, url, token, heard, seen, unequal };
}

async function assertOneForOne({ upstream, unequal }: Awaited<ReturnType<typeof sendAll>>): Promise<void> {
  await eventually(unequal, ({ length }) => length === 0);
  await sleep(SETTLE_MS);
  assert.deepEqual(unequal(), [], 'one upstream request for each answer of 200');
  for (const request of upstream.requests) {
    assert.equal(request.body.toString(), '{"model":"m"}');
    assert.deepEqual(request.headers('content-length'), ['13'], 'the framing is our own');
    assert.deepEqual(request.headers('transfer-encoding'), []);
    assert.equal(request.url.startsWith('/v1/messages?'), true);
  }
}

test(`C9 ${SMUGGLING_VECTORS.length} requests that parsers disagree on are refused, or are exactly one upstream request each`, async (t) => {
  const sent = await sendAll(t, undefined);
  const complete = () =>
    SMUGGLING_VECTORS.flatMap(({ name, served }, v) => {
      const { text, closed } = sent.heard[v]!;
      return answered(sent.heard[v]!) === served &&
        (served > 0 || REFUSALS.test(text) || (WORDLESS.has(name) && closed))
        ? []
        : [`${name}: ${text.slice(0, 60)}`];
    });
  await eventually(complete, ({ length }) => length === 0);
  await assertOneForOne(sent);
  assert.deepEqual(complete(), []);
});

for (const front of ['nginx', 'haproxy'] as const) {
  test(`C9 behind ${front} each of them is at most one upstream request for each answer, and no other client gets that answer`, async (t) => {
    const sent = await sendAll(t, front);
    const others = async (part: number) => {
      for (let i = 0; i < 25; i += 1) {
        const target = `/v1/messages?nonce=${part}-${i}`;
        const body = '{"model":"m"}';
        const answer = await exchange(t, sent.url, messagesRequest(sent.token, { target, body }));
        assert.equal(answer.status, 200);
        assert.equal((JSON.parse(answer.body.toString()) as { id: string }).id, `${part}-${i}`);
      }
    };
    await Promise.all([0, 1, 2, 3].map(others));
    await assertOneForOne(sent);
    t.diagnostic(`${sent.upstream.requests.length - 100} of ${SMUGGLING_VECTORS.length} came through`);
  });
}
