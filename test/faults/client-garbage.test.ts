import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';

/** `GARBAGE=20000` makes a longer run. */
const REQUESTS = Number(process.env['GARBAGE'] ?? 4_000);
const AT_A_TIME = 32;
const SEED = Number(process.env['SEED'] ?? 20_260_101);
/** Milliseconds until an answer or the end of the connection, after the client has sent all it will send. */
const LIMIT_MS = 10_000;
const ANSWER = /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?(?:HTTP\/1\.1 ([2345]\d\d) |$)/;

/** https://en.wikipedia.org/wiki/Xorshift */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Good requests of several kinds, to start from. */
function seeds(token: string): Buffer[] {
  const key = `host: x\r\nauthorization: Bearer ${token}\r\n`;
  const body = '{"model":"m","max_tokens":8,"messages":[{"role":"user","content":"hi"}]}';
  return [
    `POST /v1/messages HTTP/1.1\r\n${key}content-length: ${body.length}\r\n\r\n${body}`,
    `POST /v1/messages HTTP/1.1\r\n${key}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n`,
    `POST /v1/messages/count_tokens HTTP/1.1\r\n${key}expect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    `GET /v1/models?key=${token} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n`,
    `POST /api/tokens HTTP/1.1\r\n${key}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\b\0`,
  ].map((text) => Buffer.from(text, 'latin1'));
}

/** A few flipped bits, as zzuf does it; or bytes put in, taken out, doubled, or nothing but noise. */
function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = random(copy.length);
  const length = 1 + random(16);
  switch (random(6)) {
    case 0:
      return Buffer.concat([copy.subarray(0, at), noise(length, random), copy.subarray(at)]);
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]);
    case 2:
      return Buffer.concat([copy.subarray(0, at + length), copy.subarray(at)]);
    case 3:
      return noise(1 + random(300), random);
    default:
      for (let flips = 1 + random(8); flips > 0; flips -= 1) copy[random(copy.length)]! ^= 1 << random(8);
      return copy;
  }
}

function noise(length: number, random: (below: number) => number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)));
}

/** Sends bytes and the end of the connection. Resolves to what came back, when the connection has ended. */
async function throwAt(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  const timer = setTimeout(() => socket.destroy(new Error('no end')), LIMIT_MS);
  let late = false;
  socket.once('error', (error) => (late = error.message === 'no end'));
  socket.end(bytes);
  await once(socket, 'close').catch(() => {});
  clearTimeout(timer);
  assert.equal(late, false, `no answer and no end for ${JSON.stringify(bytes.toString('latin1'))}`);
  return text;
}

test(`C17 ${REQUESTS} mutated requests on raw sockets: each is answered or closed, nothing crashes, good requests go on`, async (t) => {
  const router = await startRouterProcess(t, undefined, { FIRST_BYTE_TIMEOUT_MS: '5000' });
  const { token } = await router.issue();
  const port = Number(new URL(router.url).port);
  const originals = seeds(token);
  const random = randomOf(SEED);
  const statuses = new Map<string, number>();
  let next = 0;
  const worker = async () => {
    while (next++ < REQUESTS) {
      const bytes = mutate(originals[random(originals.length)]!, random);
      const text = await throwAt(port, bytes);
      assert.match(text, ANSWER, JSON.stringify(bytes.toString('latin1')));
      const status = ANSWER.exec(text)?.[1] ?? 'closed';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (next % 1_000 === 0) assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  assert.equal(statuses.get('500'), undefined);
  router.running.signal('SIGTERM');
  const { code, stderr } = await router.running.result;
  assert.equal(code, 0, stderr.slice(-2_000));
  assert.doesNotMatch(stderr, /"level":"(?:error|fatal)"/);
  t.diagnostic([...statuses].map(([status, count]) => `${status}: ${count}`).join(', '));
});
