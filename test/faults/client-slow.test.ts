import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange, openRaw } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import type { Cleanup } from '../support/temp.ts';

const PROGRAM = '/usr/bin/slowhttptest';
const CONNECTIONS = 1_400;
const SECONDS = 16;
const HEADER_DEADLINE_MS = 10_000;
const SLACK_MS = 2_000;
/** Connections to the upstream that may be kept open after so many requests at a time. */
const UPSTREAM_POOL = 50;

test(`C5 slow headers, slow bodies and slow readers, ${3 * CONNECTIONS} connections: the deadlines hold and good requests are answered`, async (t) => {
  // Three attackers and others may leave the router little of the processor: shedding for that is another case (L4).
  const settings = { CLIENT_BODY_IDLE_TIMEOUT_MS: '5000', EVENT_LOOP_LAG_LIMIT_MS: '60000' };
  const router = await startRouterProcess(t, undefined, settings);
  const { token } = await router.issue();
  const { token: attackers } = await router.issue();
  assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
  const before = router.descriptors();
  const leaked = (now: number) => now - before > UPSTREAM_POOL;
  const load = ['-c', `${CONNECTIONS}`, '-r', '400', '-l', `${SECONDS}`, '-p', '5'];
  const attacks = [
    slowly(t, ['-H', ...load, '-i', '3', '-x', '16', '-u', `${router.url}/v1/messages`]),
    slowly(t, ['-B', ...load, '-i', '8', '-s', '8192', '-x', '16', '-u', `${router.url}/v1/messages?key=${attackers}`]),
    slowly(t, [
      '-X',
      ...load,
      '-k',
      '5',
      '-n',
      '3',
      '-w',
      '1',
      '-y',
      '512',
      '-z',
      '8',
      '-u',
      `${router.url}/v1/models?key=${attackers}`,
    ]),
  ];
  const ends = Promise.all(Array.from({ length: 20 }, (_, i) => drip(t, router.url, i)));
  const over = new AbortController();
  const attacked = Promise.all(attacks).then(() => over.abort());
  let most = 0;
  const counting = setInterval(() => (most = Math.max(most, router.descriptors())), 500);
  t.after(() => clearInterval(counting));
  const latencies: number[] = [];
  const failures: string[] = [];
  const good = async () => {
    while (!over.signal.aborted) {
      const asked = performance.now();
      const status = await exchange(t, router.url, messagesRequest(token)).then(
        (answer) => (answer.status === 200 ? '200' : answer.body.toString()),
        (error: unknown) => String(error),
      );
      latencies.push(performance.now() - asked);
      if (status !== '200') failures.push(status);
      await sleep(20);
    }
  };
  await Promise.all([attacked, good(), good(), good(), good()]);
  clearInterval(counting);
  const deadlines = await ends;
  // What an ordinary answer took meanwhile is the machine's delay, not the deadline's.
  const delay = Math.max(...latencies);
  for (const ms of deadlines) {
    assert.ok(
      ms >= HEADER_DEADLINE_MS - 100 && ms <= HEADER_DEADLINE_MS + SLACK_MS + delay,
      `headers were cut after ${ms} ms`,
    );
  }
  assert.ok(latencies.length >= 10, `only ${latencies.length} good requests`);
  assert.ok(failures.length <= latencies.length / 1_000, `${failures.length} of ${latencies.length}: ${failures[0]}`);
  assert.ok(most - before >= CONNECTIONS, `the attack had ${most - before} connections at a time`);
  const after = await eventually(
    () => router.descriptors(),
    (now) => !leaked(now),
    15_000,
  );
  const p99 = latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!;
  t.diagnostic(
    `${most - before} slow connections at a time; headers cut after ${Math.min(...deadlines).toFixed(0)} to ` +
      `${Math.max(...deadlines).toFixed(0)} ms; ${latencies.length} good requests, ${failures.length} failed, p99 ${p99.toFixed(0)} ms; ` +
      `descriptors ${before} before, ${after} after`,
  );
});

/** Sends a header byte by byte without an end. Resolves to the milliseconds until the router has had enough. */
async function drip(t: Cleanup, url: string, index: number): Promise<number> {
  const connection = await openRaw(t, url);
  const started = performance.now();
  await connection.send(`GET /health HTTP/1.1\r\nhost: x\r\nx-slow-${index}: `);
  const timer = setInterval(() => void connection.send('y'), 500);
  const answer = await connection.answer();
  clearInterval(timer);
  assert.equal(answer.status, 408);
  return performance.now() - started;
}

/** Runs one attack to its end. */
async function slowly(t: Cleanup, args: readonly string[]): Promise<void> {
  const child = spawn(PROGRAM, args, { stdio: 'ignore' });
  t.after(() => void child.kill('SIGKILL'));
  await once(child, 'exit');
}
