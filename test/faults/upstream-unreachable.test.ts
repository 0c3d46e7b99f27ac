import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { exchange, openRaw } from '../support/client.ts';
import { type DnsAnswer, startDns } from '../support/dns.ts';
import { FairClock } from '../support/faultd-clock.ts';
import { startFaultd } from '../support/faultd/index.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startRouterProcess } from '../support/faultd-router.ts';
import { temporaryFolder } from '../support/temp.ts';

test('U1 an upstream that refuses connections is 502 at once, and is back as soon as it listens', async (t) => {
  const place = createServer().listen(0, '127.0.0.1');
  await once(place, 'listening');
  const { port } = place.address() as { port: number };
  place.close();
  await once(place, 'close');
  const router = await startTestRouter(t, { upstreamBaseUrl: `http://127.0.0.1:${port}` });
  const { token, record } = await router.router.tokens.issue();
  const clock = new FairClock(t);
  for (let round = 0; round < 25; round += 1) {
    const started = clock.now();
    const answers = await Promise.all(Array.from({ length: 4 }, () => exchange(t, router.url, messagesRequest(token))));
    for (const { status, body } of answers) assert.deepEqual([status, errorOf(body).type], [502, 'api_error']);
    assert.ok(clock.now() - started < 1_000);
  }
  const usage = await router.router.usageOf(record.id);
  assert.deepEqual([usage.requests, usage.inputTokens], [100, 0], 'nothing was accepted, nothing is booked');
  assert.ok(router.logs.some((line) => line.includes('"attempts":3') && line.includes('ECONNREFUSED')));
  await startFaultd(t, { port, fault: 'json' });
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
});

const NAME_SERVER = '127.0.0.77';
const CONNECT_MS = 1_500;
/** Runs a program in a mount namespace of its own: there, and only there, `/etc/resolv.conf` is another file. */
const NAMESPACE = ['unshare', '-m'] as const;
const canUnshare = spawnSync(NAMESPACE[0], [NAMESPACE[1], 'true']).status === 0;

test('U2 a name that is unknown, refused or never answered is 502 within the connect limit; others do not notice', {
  skip: canUnshare ? false : 'needs root: the name server of a process is set in a mount namespace',
}, async (t) => {
  const dns = await startDns(t, NAME_SERVER);
  const faultd = await startFaultd(t, { fault: 'json' });
  const resolvConf = join(await temporaryFolder(t), 'resolv.conf');
  writeFileSync(resolvConf, `nameserver ${NAME_SERVER}\noptions timeout:5 attempts:2\n`);
  const router = await startRouterProcess(
    t,
    {
      UPSTREAM_BASE_URL: `http://upstream.example:${new URL(faultd.url).port}`,
      ALLOW_INSECURE_UPSTREAM: '1',
      CONNECT_TIMEOUT_MS: String(CONNECT_MS),
    },
    [...NAMESPACE, 'sh', '-c', `mount --bind ${resolvConf} /etc/resolv.conf && exec "$@"`, 'sh'],
  );
  const clock = new FairClock(t);
  const ask = () => exchange(t, router.url, messagesRequest(router.token));
  assert.equal((await ask()).status, 200, 'the name is known at first');

  for (const answer of ['nxdomain', 'servfail', 'silence'] satisfies DnsAnswer[]) {
    // Long streams hold the kept connections, so that every other request needs a name.
    const held = await Promise.all(Array.from({ length: 4 }, () => openRaw(t, router.url)));
    dns.answer = 'loopback';
    for (const connection of held) {
      await connection.request(messagesRequest(router.token, { headers: ['x-fault', 'good&events=400&every=10'] }));
      assert.equal((await connection.head()).status, 200);
    }
    dns.answer = answer;
    const questions = dns.questions;
    const started = clock.now();
    const failing = Promise.all(Array.from({ length: 50 }, ask));
    const waits: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const asked = clock.now();
      const health = await exchange(t, router.url, { target: '/readyz' });
      assert.equal(health.status, 200);
      waits.push(clock.now() - asked);
    }
    // Half of them: one may wait for a processor, but not all.
    const median = waits.toSorted((a, b) => a - b)[10]!;
    assert.ok(median < 200, `others waited for ${median} ms`);
    for (const { status, body } of await failing) assert.deepEqual([status, errorOf(body).type], [502, 'api_error']);
    assert.ok(clock.now() - started <= CONNECT_MS + 1_000, `${answer}: ${clock.now() - started} ms`);
    if (answer === 'silence') assert.ok(dns.questions - questions < 20, '50 requests share a lookup');
    for (const connection of held) connection.destroy();
  }
  // A lookup that hangs ends at the limits of the system's resolver: until then there is no other.
  dns.answer = 'loopback';
  const started = clock.now();
  let { status } = await ask();
  while (status !== 200 && clock.now() - started < 12_000) ({ status } = await ask());
  assert.equal(status, 200);
});
