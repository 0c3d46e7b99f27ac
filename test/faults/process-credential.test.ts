import assert from 'node:assert/strict';
import { renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosBed } from '../support/chaos.ts';
import { type ClientCall } from '../support/check.ts';
import { call, Ledger } from '../support/check-ledger.ts';

const SECONDS = Number(process.env['CHAOS_CREDENTIAL_SECONDS'] ?? 10);
const TAKEN_MS = 2_000;

test(`P9 the credential file is replaced, cut, garbled and deleted again and again for ${SECONDS} s: no request fails`, async (t) => {
  const ledger = await Ledger.start(t);
  const bed = new ChaosBed(t, ledger.url);
  const path = join(bed.claudeHome, '.credentials.json');
  const textOf = (name: string) =>
    JSON.stringify({ claudeAiOauth: { accessToken: `oauth-${name}`, refreshToken: 'r' } });
  const replace = (name: string) => {
    writeFileSync(`${path}.tmp`, textOf(name), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  };
  replace('first');
  const router = await bed.start({ env: { ANTHROPIC_API_KEY: '' } });
  const token = await router.issue();
  const written = new Set(['oauth-first']);
  let step = 0;
  const spoil = setInterval(() => {
    step += 1;
    const name = `number-${step}`;
    switch (step % 6) {
      case 0:
        written.add(`oauth-${name}`);
        return replace(name);
      case 1:
        return rmSync(path, { force: true });
      case 2:
        return writeFileSync(path, textOf(name).slice(0, step % 40));
      case 3:
        return writeFileSync(path, '{"claudeAiOauth":{"accessToken":""}}');
      case 4:
        return truncateSync(path, 0);
      default:
        written.add(`oauth-${name}`);
        return writeFileSync(path, textOf(name));
    }
  }, 10);
  const calls: Promise<ClientCall>[] = [];
  const load = setInterval(() => calls.push(call(router.url, token, { stream: calls.length % 2 === 0 })), 25);
  await sleep(SECONDS * 1_000);
  clearInterval(spoil);
  const before = new Set(ledger.calls.map(({ credential }) => credential));
  replace('last');
  const replaced = performance.now();
  while (ledger.calls.at(-1)?.credential !== 'oauth-last') {
    assert.ok(performance.now() - replaced < TAKEN_MS + 1_000, 'the new credential is not taken');
    await sleep(10);
  }
  const taken = ledger.calls.find(({ credential }) => credential === 'oauth-last')!.at - replaced;
  clearInterval(load);
  const answers = await Promise.all(calls);
  t.diagnostic(
    `${answers.length} requests, ${step} changes, ${before.size} credentials used, the last one after ${taken.toFixed(0)} ms`,
  );
  assert.deepEqual(
    answers.filter(({ status, end }) => status !== 200 || end !== 'clean'),
    [],
  );
  for (const credential of before) assert.ok(written.has(credential), `${credential} never stood whole in the file`);
  assert.ok(taken <= TAKEN_MS, `taken after ${taken} ms`);
  assert.ok(before.size > 1, 'it was read again while it was spoiled');
});
