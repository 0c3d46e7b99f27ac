import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, openRaw } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { countTokenReads } from '../support/store-reads.ts';
import type { Cleanup } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const GUESSES = 2_000;

async function bench(t: Cleanup, settings: object = {}) {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url, ...settings });
  return { upstream, router, token: await router.issue() };
}

const from = (address: string, key: string) => messagesRequest(key, { headers: ['x-forwarded-for', address] });
const admin = (key: string) => ({ target: '/api/tokens/list', headers: ['authorization', `Bearer ${key}`] });

/** The same token with another signature. */
const forged = (token: string, i: number) =>
  `${token.slice(0, token.lastIndexOf('.') + 1)}${String(i).padStart(43, 'A')}`;

test(`C15 S7 ${GUESSES} forged tokens: no read of the store, 20 answers of 401, then 429, and good tokens go on`, async (t) => {
  const { upstream, router, token } = await bench(t, { storagePolicy: 'sqlite' });
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  const reads = countTokenReads(t);
  assert.equal((await exchange(t, router.url, messagesRequest(await router.issue()))).status, 200);
  assert.ok(reads() > 0, 'a token that was not seen before is read');
  const before = reads();
  const statuses = new Map<number, number>();
  const good: number[] = [];
  let whileGuessing: number | undefined;
  let next = 0;
  const guess = async () => {
    const connection = await openRaw(t, router.url);
    for (let i = next++; i < GUESSES; i = next++) {
      await connection.request(messagesRequest(i % 2 === 0 ? forged(token, i) : `la_sk_${i}`));
      const { status } = await connection.answer();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (i < GUESSES / 2 || i % 20 !== 0) continue;
      // The guesses without good tokens are over: those may be read again after their time in the cache.
      whileGuessing ??= reads() - before;
      const asked = performance.now();
      assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
      good.push(performance.now() - asked);
    }
    connection.destroy();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: 8 }, guess));
  const seconds = (performance.now() - started) / 1_000;
  assert.equal(whileGuessing, 0);
  const refused = statuses.get(401) ?? 0;
  assert.ok(refused >= 20 && refused <= 21 + seconds / 3, `${refused} in ${seconds} s`);
  assert.equal(statuses.get(429), GUESSES - refused);
  assert.equal(good.length, GUESSES / 2 / 20);
  assert.equal(upstream.requests.length, good.length + 2);
  const p99 = good.toSorted((a, b) => a - b)[Math.floor(good.length * 0.99)]!;
  t.diagnostic(`${(GUESSES / seconds).toFixed(0)} guesses a second; good tokens meanwhile p99 ${p99.toFixed(0)} ms`);
});

test('C15 S11 429 says when to come back, in the dialect of the caller; a token never seen before is still good', async (t) => {
  const { router } = await bench(t, { authFailuresPerMinute: 2 });
  for (let i = 0; i < 2; i += 1) assert.equal((await exchange(t, router.url, messagesRequest('wrong'))).status, 401);
  const answer = await exchange(t, router.url, messagesRequest('wrong'));
  assert.equal(answer.status, 429);
  assert.equal(errorOf(answer.body).type, 'rate_limit_error');
  assert.equal(answer.head.header('x-should-retry'), 'false');
  assert.match(answer.head.header('retry-after')!, /^(?:29|30)$/);
  const openai = await exchange(t, router.url, { target: '/v1/models', headers: ['authorization', 'Bearer wrong'] });
  assert.equal(openai.status, 429);
  assert.equal((JSON.parse(openai.body.toString()) as { error: { code: string } }).error.code, 'rate_limit_exceeded');
  assert.equal((await exchange(t, router.url, messagesRequest(await router.issue()))).status, 200);
  assert.equal((await exchange(t, router.url, { target: '/v1/models' })).status, 401, 'no credential is no guess');
});

test('C15 the flat admin key cannot be guessed past the limit; an admin token works meanwhile', async (t) => {
  const { router } = await bench(t, { authFailuresPerMinute: 3 });
  assert.equal((await exchange(t, router.url, admin(ADMIN_KEY))).status, 200);
  for (let i = 0; i < 3; i += 1) assert.equal((await exchange(t, router.url, admin(`guess-${i}`))).status, 401);
  assert.equal((await exchange(t, router.url, admin('guess'))).status, 429);
  assert.equal((await exchange(t, router.url, admin(ADMIN_KEY))).status, 429, 'a right guess looks like a wrong one');
  const token = await router.issue({ scope: 'admin' });
  assert.equal((await exchange(t, router.url, admin(token))).status, 200);
});

test('C15 C14 behind a trusted proxy each client has its own limit; of anybody else X-Forwarded-For is not believed', async (t) => {
  const trusting = await bench(t, { authFailuresPerMinute: 1, trustedProxies: '127.0.0.0/8, 10.1.0.0/16' });
  const ask = async (address: string) => (await exchange(t, trusting.router.url, from(address, 'wrong'))).status;
  assert.deepEqual([await ask('203.0.113.1'), await ask('203.0.113.1')], [401, 429]);
  assert.equal(await ask('203.0.113.2'), 401);
  assert.equal(await ask('203.0.113.9, 203.0.113.2'), 429, 'what a client puts before is not believed');
  assert.equal(await ask('203.0.113.3, 10.1.2.3'), 401, 'a second trusted proxy is passed over');
  assert.equal(await ask('203.0.113.3'), 429);
  assert.deepEqual(
    [await ask('2001:db8::1'), await ask('2001:db8::ffff'), await ask('2001:db8:0:1::1')],
    [401, 429, 401],
  );
  assert.deepEqual([await ask('no address'), await ask('::ffff:203.0.113.1')], [401, 429]);

  const plain = await bench(t, { authFailuresPerMinute: 1 });
  const spoof = async (address: string) => (await exchange(t, plain.router.url, from(address, 'wrong'))).status;
  assert.deepEqual([await spoof('203.0.113.1'), await spoof('203.0.113.2')], [401, 429]);
});

test('C15 all addresses together have a limit too', async (t) => {
  const settings = { authFailuresPerSecond: 5, trustedProxies: '127.0.0.1' };
  const { router, token } = await bench(t, settings);
  const statuses = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => (await exchange(t, router.url, from(`203.0.113.${i}`, 'wrong'))).status),
  );
  assert.ok(statuses.filter((status) => status === 401).length >= 5);
  assert.ok(statuses.includes(429));
  assert.equal((await exchange(t, router.url, from('203.0.113.1', token))).status, 200);
});
