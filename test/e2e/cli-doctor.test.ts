import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CliBed } from '../support/cli.ts';

const SIMULATOR = { ROUTER_PORT: '0', UPSTREAM_PROVIDER: 'simulator' };

interface Finding {
  check: string;
  status: 'ok' | 'warn' | 'broken';
  detail: string;
  mend?: string;
}

/** The findings of `doctor --json`; the exit code must fit them. */
async function examine(bed: CliBed, env: Record<string, string>): Promise<Finding[]> {
  const { code, stdout, stderr } = await bed.run(['doctor', '--json'], env);
  const { findings }: { findings: Finding[] } = JSON.parse(stdout || assert.fail(stderr));
  assert.equal(code, findings.some(({ status }) => status === 'broken') ? 1 : 0);
  for (const { status, mend } of findings) assert.ok(status !== 'broken' || mend, 'a broken thing has its mend');
  return findings;
}

const of = (findings: readonly Finding[], check: string) => findings.filter((finding) => finding.check === check);

async function listen(t: TestContext, status: number, body: string): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
  t.after(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : assert.fail();
}

test('all is well before the first start, and the doctor makes nothing', async (t) => {
  const bed = await CliBed.open(t);
  const { code, stdout } = await bed.run(['doctor'], SIMULATOR);
  assert.equal(code, 0, stdout);
  assert.doesNotMatch(stdout, /^(?:warn|broken)/m);
  assert.match(stdout, /^link-assistant-router \d+\.\d+\.\d+/);
  assert.match(stdout, /^listen_addr +: 127\.0\.0\.1:0$/m);
  assert.match(stdout, /^admin_key +: <unset>$/m);
  assert.equal(existsSync(bed.dataDir), false);
});

test('open modes, a weak secret and a foreign program on the port are broken, each with its mend', async (t) => {
  const bed = await CliBed.open(t);
  mkdirSync(bed.dataDir);
  chmodSync(bed.dataDir, 0o755);
  writeFileSync(join(bed.dataDir, 'core.db'), 'no database', { mode: 0o600 });
  const port = await listen(t, 200, 'something else');
  const findings = await examine(bed, { ...SIMULATOR, ROUTER_PORT: String(port), TOKEN_SECRET: 'hunter2' });
  const broken = findings.filter(({ status }) => status === 'broken').map(({ check }) => check);
  assert.deepEqual(broken, ['data folder', 'signing secret', 'store', 'port']);
  assert.match(of(findings, 'data folder')[0]?.mend ?? '', /chmod 700/);
  assert.doesNotMatch(JSON.stringify(findings), /hunter2/);
});

test('after a start everything is there, also while the router runs', async (t) => {
  const bed = await CliBed.open(t);
  const router = bed.start([], SIMULATOR);
  const [, port = ''] = await router.line(/^Listening on http:\/\/127\.0\.0\.1:(\d+)$/);
  const findings = await examine(bed, { ...SIMULATOR, ROUTER_PORT: port });
  assert.deepEqual(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  );
  assert.match(of(findings, 'port')[0]?.detail ?? '', /^a router answers/);
});

test('an upstream that answers anything is reachable; one that does not is broken', async (t) => {
  const bed = await CliBed.open(t);
  const port = await listen(t, 404, '');
  const env = { ROUTER_PORT: '0', ANTHROPIC_API_KEY: 'hunter2' };
  const reachable = await examine(bed, { ...env, UPSTREAM_BASE_URL: `http://127.0.0.1:${port}` });
  assert.match(of(reachable, 'upstream')[0]?.detail ?? '', /answers \(status 404\)/);
  const refused = await examine(bed, { ...env, UPSTREAM_BASE_URL: 'http://127.0.0.1:1' });
  const [finding] = of(refused, 'upstream');
  assert.equal(finding?.status, 'broken');
  assert.match(finding.detail, /ECONNREFUSED/);
});

test('without a usable account something is broken; beside a good one a bad one is a warning', async (t) => {
  const bed = await CliBed.open(t);
  const port = await listen(t, 200, '');
  const env = { ROUTER_PORT: '0', UPSTREAM_BASE_URL: `http://127.0.0.1:${port}` };
  mkdirSync(join(bed.home, '.claude'));
  writeFileSync(join(bed.home, '.claude', '.credentials.json'), '{"claudeAiOauth":{"accessToken":""}}');
  const none = of(await examine(bed, env), 'accounts');
  assert.deepEqual(
    none.map(({ status }) => status),
    ['broken'],
  );
  assert.match(none[0]?.detail ?? '', /\.credentials\.json/);
  const one = of(await examine(bed, { ...env, ANTHROPIC_API_KEY: 'hunter2' }), 'accounts');
  assert.deepEqual(
    one.map(({ status }) => status),
    ['ok', 'warn'],
  );
});

test('risky settings are warnings, and a wrong one is a finding', async (t) => {
  const bed = await CliBed.open(t);
  const risky = await examine(bed, { ...SIMULATOR, ROUTER_HOST: '0.0.0.0', TOKEN_ADMIN_KEY: 'hunter2' });
  const warnings = risky.filter(({ status }) => status === 'warn').map(({ detail }) => detail);
  assert.ok(warnings.some((detail) => /ADMIN_PORT/.test(detail)));
  assert.ok(warnings.some((detail) => /TOKEN_ADMIN_KEY/.test(detail)));
  assert.doesNotMatch(JSON.stringify(risky), /hunter2/);
  const wrong = await examine(bed, { ROUTER_PORT: 'x' });
  assert.match(of(wrong, 'settings')[0]?.detail ?? '', /--port \(ROUTER_PORT\)/);
});

test('files of 0.17.0 that wait are a warning with the command that takes them over', async (t) => {
  const bed = await CliBed.open(t);
  mkdirSync(bed.dataDir, { mode: 0o700 });
  writeFileSync(join(bed.dataDir, 'tokens.bin'), '', { mode: 0o600 });
  const findings = await examine(bed, SIMULATOR);
  const { mend } = of(findings, 'tokens of 0.17.0')[0] ?? assert.fail();
  assert.ok(mend?.endsWith(` tokens import ${join(bed.dataDir, 'tokens.bin')}`));
});

test('accounts list shows name, upstream, state and origin, never the secret', async (t) => {
  const bed = await CliBed.open(t);
  const env = { ANTHROPIC_API_KEY: 'hunter2-key', CLAUDE_CODE_OAUTH_TOKEN: 'hunter2-oauth' };
  const json = await bed.run(['accounts', 'list', '--json'], env);
  const rows: { name: string; state: string; origin: string }[] = JSON.parse(json.stdout);
  assert.deepEqual(
    rows.map(({ name, state }) => [name, state]),
    [
      ['api-key', 'ok'],
      ['oauth-token', 'ok'],
      ['primary', 'problem'],
    ],
  );
  const table = await bed.run(['accounts', 'list'], env);
  assert.match(table.stdout, /^name {14}upstream {14}state {5}origin$/m);
  assert.match(table.stdout, /^api-key {11}anthropic {13}ok {8}environment$/m);
  assert.doesNotMatch(json.stdout + table.stdout, /hunter2/);
});
