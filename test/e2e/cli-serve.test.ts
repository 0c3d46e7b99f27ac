import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliBed, type RunningCli } from '../support/cli.ts';

const SIMULATOR = { ROUTER_PORT: '0', UPSTREAM_PROVIDER: 'simulator' };

async function urlOf(router: RunningCli): Promise<string> {
  return (await router.line(/^Listening on (http:\/\/\S+)$/))[1] ?? assert.fail();
}

async function adminTokenOf(router: RunningCli): Promise<string> {
  return (await router.line(/^Admin token \(shown once, store it now\): (la_sk_\S+)$/))[1] ?? assert.fail();
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('the first start makes the folder and the secret, and shows the admin token once', async (t) => {
  const bed = await CliBed.open(t);
  const first = bed.start([], { ...SIMULATOR, UPSTREAM_PROVIDER: 'anthropic' });
  const url = await urlOf(first);
  assert.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assert.equal(await (await fetch(`${url}/health`)).text(), 'ok');
  const tokens = await fetch(`${url}/api/tokens/list`, { headers: bearer(await adminTokenOf(first)) });
  assert.equal(tokens.status, 200);
  first.signal('SIGTERM');
  const ended = await first.result;
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /^No account yet: set ANTHROPIC_API_KEY, or sign in with Claude Code .*\.$/m);
  assert.equal(statSync(bed.dataDir).mode & 0o777, 0o700);
  assert.equal(statSync(join(bed.dataDir, 'token-secret')).mode & 0o777, 0o600);

  const second = bed.start(['serve'], SIMULATOR);
  await urlOf(second);
  second.signal('SIGINT');
  const again = await second.result;
  assert.equal(again.code, 0);
  assert.doesNotMatch(again.stdout, /la_sk_/);
});

test('the start says which upstream and accounts it found, without their secrets', async (t) => {
  const bed = await CliBed.open(t);
  mkdirSync(join(bed.home, '.claude'));
  const credentials = join(bed.home, '.claude', '.credentials.json');
  writeFileSync(credentials, JSON.stringify({ claudeAiOauth: { accessToken: 'hunter2-oauth' } }));
  const router = bed.start(['serve', '--port=0'], { ANTHROPIC_API_KEY: 'hunter2-key', ROUTER_PORT: '1' });
  await adminTokenOf(router);
  router.signal('SIGTERM');
  const { code, stdout, stderr } = await router.result;
  assert.equal(code, 0);
  assert.match(stdout, /^Upstream: https:\/\/api\.anthropic\.com$/m);
  assert.match(stdout, /^Account: api-key, from environment$/m);
  assert.ok(stdout.includes(`Account: primary, from ${credentials}\n`));
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test('a port in use is one line and exit code 1', async (t) => {
  const bed = await CliBed.open(t);
  const blocker = createServer().listen(0, '127.0.0.1');
  t.after(() => void blocker.close());
  await once(blocker, 'listening');
  const address = blocker.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { code, stdout, stderr } = await bed.run(['serve'], { ...SIMULATOR, ROUTER_PORT: String(port) });
  assert.deepEqual([code, stdout], [1, '']);
  assert.equal(
    stderr,
    `error: cannot listen on 127.0.0.1 port ${port}: the port is in use; choose another with --port (ROUTER_PORT)\n`,
  );
});

test('a change by the command line takes effect in the running server', async (t) => {
  const bed = await CliBed.open(t);
  const router = bed.start([], SIMULATOR);
  const url = await urlOf(router);
  const token = (await bed.run(['tokens', 'issue', '--label', 'cli'])).stdout.trim();
  const status = async () => (await fetch(`${url}/v1/models`, { headers: bearer(token) })).status;
  assert.equal(await status(), 200);
  const tokens: { id: string; label: string }[] = JSON.parse((await bed.run(['tokens', 'list', '--json'])).stdout);
  const id = tokens.find(({ label }) => label === 'cli')?.id ?? assert.fail();
  const revoked = await bed.run(['tokens', 'revoke', id]);
  const acknowledged = performance.now();
  assert.equal(revoked.code, 0);
  while ((await status()) !== 403) assert.ok(performance.now() - acknowledged < 1_000, 'still accepted after a second');
});

test('the admin listener has the admin routes, and the main one has not', async (t) => {
  const bed = await CliBed.open(t);
  const router = bed.start([], { ...SIMULATOR, ADMIN_PORT: '0' });
  const url = await urlOf(router);
  const adminUrl = (await router.line(/^Admin routes on (http:\/\/127\.0\.0\.1:\d+)$/))[1] ?? assert.fail();
  const headers = bearer(await adminTokenOf(router));
  assert.equal((await fetch(`${adminUrl}/api/tokens/list`, { headers })).status, 200);
  assert.equal((await fetch(`${url}/api/tokens/list`, { headers })).status, 404);
});

test('the first signal waits for running answers, and a second one ends at once', async (t) => {
  const bed = await CliBed.open(t);
  const router = bed.start([], SIMULATOR);
  const url = await urlOf(router);
  const token = (await bed.run(['tokens', 'issue'])).stdout.trim();
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-4-5',
      max_tokens: 4096,
      stream: true,
      messages: [{ role: 'user', content: 'simulate long 4000' }],
    }),
  });
  const reader = (answer.body ?? assert.fail()).getReader();
  await reader.read();
  router.signal('SIGTERM');
  for (let refused = false; !refused; ) {
    refused = await fetch(`${url}/health`).then(
      () => false,
      () => true,
    );
  }
  assert.equal((await reader.read()).done, false, 'the answer goes on');
  router.signal('SIGINT');
  assert.equal((await router.result).code, 128 + 2);
  await reader.cancel().catch(() => {});
});

test('files of 0.17.0 in the data folder are announced until they are imported', async (t) => {
  const bed = await CliBed.open(t);
  mkdirSync(bed.dataDir, { mode: 0o700 });
  const path = join(bed.dataDir, 'tokens.lino');
  writeFileSync(path, '(token a (label "") (issued_at 1700000000) (expires_at 4700001000) (revoked false))\n', {
    mode: 0o600,
  });
  const hinted = async () => {
    const router = bed.start([], SIMULATOR);
    await urlOf(router);
    router.signal('SIGTERM');
    return (await router.result).stderr.includes(` tokens import ${path}\n`);
  };
  assert.equal(await hinted(), true);
  assert.equal((await bed.run(['tokens', 'import', path])).code, 0);
  assert.equal(await hinted(), false);
});
