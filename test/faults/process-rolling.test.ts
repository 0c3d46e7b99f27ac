import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Balancer, noBalancer } from '../support/balancer.ts';
import { freePort } from '../../bench/process.ts';
import { ChaosBed, type RouterProcess } from '../support/chaos.ts';
import { type ClientCall, judge } from '../support/check.ts';
import { call, Ledger, usageRecords } from '../support/check-ledger.ts';
import { ADMIN_KEY, OPERATOR_KEY } from '../support/router.ts';

const RESTARTS = Number(process.env['CHAOS_RESTARTS'] ?? 20);
/** Requests a second that are answered whole, and streams a second, each of about half a second. */
const PLAIN_RATE = Number(process.env['CHAOS_RATE'] ?? 25);
const STREAM_RATE = Number(process.env['CHAOS_STREAMS'] ?? 8);
const ENV = { DRAIN_DELAY_MS: '500', DRAIN_TIMEOUT_MS: '20000' };

test(`P1 ${RESTARTS} rolling restarts under load behind nginx fail no request and cut no stream`, {
  skip: noBalancer,
}, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const first = await bed.start({ port: await freePort(), env: ENV });
  const routers: RouterProcess[] = [first, await bed.start({ port: await freePort(), env: ENV })];
  const balancer = await Balancer.start(
    t,
    routers.map(({ url }) => url),
  );
  const token = await first.issue();

  const calls: Promise<ClientCall>[] = [];
  const plain = setInterval(() => calls.push(call(balancer.url, token)), 1_000 / PLAIN_RATE);
  const streams = setInterval(
    () => calls.push(call(balancer.url, token, { stream: true, words: 20, pauseMs: 25 })),
    1_000 / STREAM_RATE,
  );
  let logs = '';
  try {
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const index = restart % 2;
      const old = routers[index]!;
      old.signal('SIGTERM');
      const { code } = await old.ended;
      assert.equal(code, 0, old.output);
      logs += old.output;
      routers[index] = await bed.start({ port: Number(new URL(old.url).port), env: ENV });
      await balancer.until(old.url, true);
    }
  } finally {
    clearInterval(plain);
    clearInterval(streams);
  }
  const client = await Promise.all(calls);
  // The rows of the last answers.
  await sleep(200);

  const bad = client.filter(({ status, end }) => status !== 200 || end !== 'clean');
  assert.deepEqual(
    bad.map(({ status, end, body }) => `${status} ${end} ${body.slice(0, 200)}`),
    [],
  );
  assert.ok(balancer.refusals >= RESTARTS, 'each said 503 while it still took connections');
  const violations = judge(
    {
      upstream: ledger.calls,
      client,
      revocations: new Map(),
      usage: usageRecords(bed.database(t)),
      credentials: { 'api-key': OPERATOR_KEY },
      secrets: { token: token.token, 'admin key': ADMIN_KEY },
      texts: { logs: logs + routers.map(({ output }) => output).join('') },
    },
    { revocationMs: 0 },
  );
  assert.deepEqual(violations, []);
  t.diagnostic(
    `${client.length} requests, ${client.filter(({ nonce }) => nonce.includes('stream')).length} of them streams`,
  );
});
