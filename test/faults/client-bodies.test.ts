import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CutError } from '../support/byte-reader.ts';
import { exchange, openRaw } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import type { Cleanup } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const LIMIT = 33_554_432;
const CHUNKED = ['transfer-encoding', 'chunked'];

async function bench(t: Cleanup, settings: object = {}) {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, ...settings });
  return { upstream, router, token: await router.issue() };
}

const bodyOf = (bytes: number) => {
  const start = '{"model":"m","x":"';
  return `${start}${'y'.repeat(bytes - start.length - 2)}"}`;
};
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

test('C10 32 MB are taken, in one piece or in chunks; one byte more is 413 in the dialect of the caller', async (t) => {
  const { upstream, router, token } = await bench(t);
  const whole = bodyOf(LIMIT);
  const more = bodyOf(LIMIT + 1);
  const cases: [string, string, string[], number][] = [
    ['at the limit', whole, [], 200],
    ['at the limit, in chunks', `${chunk(whole)}0\r\n\r\n`, CHUNKED, 200],
    ['one byte over', more, [], 413],
    ['one byte over, in chunks', `${chunk(more)}0\r\n\r\n`, CHUNKED, 413],
  ];
  for (const [name, body, headers, status] of cases) {
    const answer = await exchange(t, router.url, messagesRequest(token, { body, headers }));
    assert.equal(answer.status, status, name);
    if (status === 413) assert.equal(errorOf(answer.body).type, 'request_too_large', name);
  }
  assert.deepEqual(
    upstream.requests.map(({ body }) => body.length),
    [LIMIT, LIMIT],
  );
});

test('C10 413 comes before a byte is read when the length says so, and with the first byte over the limit when nothing does', async (t) => {
  const { upstream, router, token } = await bench(t, { maxBodyBytes: 100_000 });
  const declared = await openRaw(t, router.url);
  await declared.request(messagesRequest(token, { headers: ['content-length', '100001'], body: '' }));
  assert.equal((await declared.answer()).status, 413);

  const endless = await openRaw(t, router.url);
  await endless.request(messagesRequest(token, { headers: CHUNKED, body: '' }));
  for (let i = 0; i < 10; i += 1) await endless.send(chunk('y'.repeat(10_000)));
  const answer = endless.answer();
  let early = false;
  void answer.then(() => (early = true));
  await sleep(200);
  assert.equal(early, false, 'at the limit it still waits for the end');
  await endless.send('1\r\ny');
  assert.equal((await answer).status, 413);
  assert.equal(upstream.requests.length, 0);
});

test('C10 a client that goes on after 413 is cut off', async (t) => {
  const { router, token } = await bench(t, { maxBodyBytes: 10_000 });
  const connection = await openRaw(t, router.url);
  await connection.request(messagesRequest(token, { headers: CHUNKED, body: '' }));
  await connection.send(chunk('y'.repeat(20_000)));
  assert.equal((await connection.answer()).status, 413);
  const started = performance.now();
  while (!connection.socket.destroyed) {
    await connection.send(chunk('y'.repeat(1_000)));
    await sleep(50);
    if (performance.now() - started > 10_000) assert.fail('still open');
  }
});

test('C10 a length that is not true: too long is 408 at the idle limit, too short is half a JSON text and no second request', async (t) => {
  const { upstream, router, token } = await bench(t, { clientBodyIdleTimeoutMs: 500 });
  const body = '{"model":"m"}';
  const long = await openRaw(t, router.url);
  await long.request(messagesRequest(token, { headers: ['content-length', '14'], body }));
  assert.equal((await long.answer()).status, 408);

  const short = await openRaw(t, router.url);
  await short.request(messagesRequest(token, { headers: ['content-length', '12'], body }));
  assert.equal((await short.answer()).status, 400);
  await assert.rejects(short.head(), CutError);

  const shorter = await openRaw(t, router.url);
  await shorter.request(messagesRequest(token, { headers: ['content-length', '0'], body }));
  assert.equal((await shorter.answer()).status, 400);
  await assert.rejects(shorter.head(), CutError);
  assert.equal(upstream.requests.length, 0);
});
