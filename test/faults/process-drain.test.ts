import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosBed, type RouterProcess } from '../support/chaos.ts';
import { judge } from '../support/check.ts';
import { call, Ledger, usageRecords } from '../support/check-ledger.ts';
import { exchange, openRaw } from '../support/client.ts';
import { ADMIN_KEY, OPERATOR_KEY } from '../support/router.ts';

/** Ten minutes of events. */
const ENDLESS = { stream: true, words: 6_000, pauseMs: 100 };
const bearer = ['authorization', `Bearer ${ADMIN_KEY}`];

async function untilRunning(router: RouterProcess, count: number): Promise<void> {
  while ((await router.metric('link_assistant_running_answers')) !== count) await sleep(20);
}

async function setUp(t: TestContext, env: Record<string, string>) {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const router = await bed.start({ env });
  return { ledger, bed, router, token: await router.issue() };
}

test('P2 a stream of ten minutes ends with an error event at the drain limit, and its usage is settled', async (t) => {
  const { ledger, bed, router, token } = await setUp(t, { DRAIN_TIMEOUT_MS: '1000' });
  const stream = call(router.url, token, ENDLESS);
  await untilRunning(router, 1);
  await sleep(300);
  const asked = performance.now();
  router.signal('SIGTERM');
  const client = await stream;
  const { code, at } = await router.ended;
  assert.equal(code, 0, router.output);
  assert.ok(at - asked <= 1_000 + 2_000, `ended after ${at - asked} ms`);
  assert.ok(at - asked >= 1_000, 'the answer had its time');
  assert.equal(client.end, 'cut');
  assert.match(client.body, /\n\nevent: error\ndata: \{[^\n]*overloaded_error[^\n]*\}\n\n$/);
  const rows = bed.database(t).prepare('select ended, estimated, output_tokens from usage').all();
  assert.equal(rows.length, 1);
  assert.deepEqual([rows[0]?.['ended'], rows[0]?.['estimated']], ['shutdown', 1]);
  assert.ok(Number(rows[0]?.['output_tokens']) > 1, 'what was delivered is booked');
  const violations = judge(
    {
      upstream: ledger.calls,
      client: [client],
      revocations: new Map(),
      usage: usageRecords(bed.database(t)),
      credentials: { 'api-key': OPERATOR_KEY },
      secrets: { token: token.token, 'admin key': ADMIN_KEY },
      texts: { log: router.stderr },
    },
    { revocationMs: 0 },
  );
  assert.deepEqual(violations, []);
});

test('P2 a second SIGTERM ends at once', async (t) => {
  const { router, token } = await setUp(t, {});
  const stream = call(router.url, token, ENDLESS);
  await untilRunning(router, 1);
  router.signal('SIGTERM');
  while (!router.stderr.includes('draining')) await sleep(20);
  router.signal('SIGTERM');
  const asked = performance.now();
  const { code, at } = await router.ended;
  assert.equal(code, 128 + 15);
  assert.ok(at - asked < 1_000, `ended after ${at - asked} ms`);
  assert.equal((await stream).end, 'cut');
});

test('P1 where something asks for readiness: 503 first, connections are taken for the delay, answers say close', async (t) => {
  const { router, token } = await setUp(t, { DRAIN_DELAY_MS: '1500' });
  assert.equal((await fetch(`${router.url}/readyz`)).status, 200);
  const kept = await openRaw(t, router.url);
  await kept.request({ target: '/livez' });
  assert.notEqual((await kept.answer()).head.header('connection'), 'close');
  const asked = performance.now();
  router.signal('SIGTERM');
  let status = 200;
  while (status === 200) status = (await exchange(t, router.url, { target: '/readyz' })).status;
  assert.equal(status, 503);
  assert.equal((await call(router.url, token)).end, 'clean', 'a new connection is taken, and its request answered');
  await kept.request({ target: '/v1/models', headers: bearer });
  assert.equal((await kept.answer()).head.header('connection'), 'close');
  const { code, at } = await router.ended;
  assert.equal(code, 0);
  assert.ok(at - asked >= 1_500, `the delay was ${at - asked} ms`);
});

test('P1 where nobody asks for readiness, Ctrl-C does not wait for the delay', async (t) => {
  const { router } = await setUp(t, { DRAIN_DELAY_MS: '25000' });
  const asked = performance.now();
  router.signal('SIGINT');
  const { code, at } = await router.ended;
  assert.equal(code, 0);
  assert.ok(at - asked < 10_000, `ended after ${at - asked} ms`);
});

test('P13 a router whose log nobody reads any more still ends', async (t) => {
  const { router, token } = await setUp(t, { DRAIN_TIMEOUT_MS: '2000' });
  router.deafen();
  await call(router.url, token);
  const asked = performance.now();
  router.signal('SIGTERM');
  const { signal, at } = await router.ended;
  assert.equal(signal, null, 'it ended by itself');
  assert.ok(at - asked < 10_000, `ended after ${at - asked} ms`);
});
