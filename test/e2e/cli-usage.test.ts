import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fields } from '../../src/config/schema.ts';
import { CliBed } from '../support/cli.ts';

test('--help names every setting with its variable, and shows no value of a secret', async (t) => {
  const secrets = Object.fromEntries(fields.filter(({ secret }) => secret).map(({ env }) => [env, 'hunter2-canary']));
  const { code, stdout, stderr } = await (await CliBed.open(t)).run(['--help'], secrets);
  assert.deepEqual([code, stderr], [0, '']);
  for (const { flag, env, group } of fields) {
    assert.match(stdout, new RegExp(`--${flag}\\b`));
    assert.match(stdout, new RegExp(`\\b${env}\\b`));
    assert.match(stdout, new RegExp(`^${group}:$`, 'm'));
  }
  assert.doesNotMatch(stdout, /hunter2/);
  assert.match(stdout, /default: 127\.0\.0\.1/);
});

test('--version prints the version of the package', async (t) => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { code, stdout } = await (await CliBed.open(t)).run(['--version']);
  assert.deepEqual([code, stdout], [0, `${Object(manifest).version}\n`]);
});

const wrongUse: Record<string, { args: string[]; env?: Record<string, string>; says: RegExp }> = {
  'an unknown flag': { args: ['--prot', '1'], says: /unknown option '--prot'/ },
  'an unknown flag behind a command': { args: ['tokens', 'list', '--jsn'], says: /unknown option '--jsn'/ },
  'an unknown command': { args: ['srve'], says: /unknown command 'srve'/ },
  'an unknown command of a group': { args: ['tokens', 'mint'], says: /unknown command 'mint'/ },
  'a missing argument': { args: ['tokens', 'show'], says: /missing required argument 'id'/ },
  'a wrong value of a flag': { args: ['--port', '80a', 'serve'], says: /--port \(ROUTER_PORT\).*"80a" as a flag/ },
  'a wrong value behind the command': { args: ['serve', '--storage-policy=x'], says: /\(STORAGE_POLICY\)/ },
  'a wrong value of a variable': { args: ['serve'], env: { VERBOSE: 'perhaps' }, says: /--verbose \(VERBOSE\)/ },
  'a wrong word for a switch': { args: ['--disable-metrics=maybe'], says: /--disable-metrics .*"maybe" as a flag/ },
  'a weak secret': { args: ['tokens', 'list'], env: { TOKEN_SECRET: 'hunter2' }, says: /TOKEN_SECRET.*openssl rand/ },
  'a life of no hours': { args: ['tokens', 'issue', '--ttl-hours', '0'], says: /ttl_hours/ },
  'a life without a number': { args: ['tokens', 'issue', '--ttl-hours', ''], says: /ttl_hours/ },
  'a label with a line break': { args: ['tokens', 'issue', '--label', 'a\nb'], says: /label/ },
};

for (const [name, { args, env, says }] of Object.entries(wrongUse)) {
  test(`${name} exits 2 with one line and without a stack trace`, async (t) => {
    const { code, stdout, stderr } = await (await CliBed.open(t)).run(args, env);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, says);
    assert.match(stderr, /^error: [^\n]+\n(?:\(Did you mean [^\n]+\)\n)?$/);
    assert.doesNotMatch(stderr, /hunter2|\n {4}at /);
  });
}

test('settings stand before or behind the command, and switches take every form (P2)', async (t) => {
  const bed = await CliBed.open(t);
  const metricsAfter = async (...args: string[]) => {
    const { code, stdout } = await bed.run(args, {
      DISABLE_METRICS: 'Yes',
      UPSTREAM_PROVIDER: 'simulator',
      ROUTER_PORT: '0',
    });
    assert.equal(code, 0);
    return /^enable_metrics +: (true|false)$/m.exec(stdout)?.[1];
  };
  assert.equal(await metricsAfter('doctor'), 'false');
  assert.equal(await metricsAfter('--no-disable-metrics', 'doctor'), 'true');
  assert.equal(await metricsAfter('doctor', '--disable-metrics=off'), 'true');
  assert.equal(await metricsAfter('doctor', '--disable-metrics=0', '--disable-metrics'), 'false');
});

test('.lenv wins over .env of the working directory', async (t) => {
  const bed = await CliBed.open(t);
  writeFileSync(join(bed.cwd, '.lenv'), 'ROUTER_PORT: 0\nUPSTREAM_PROVIDER: simulator\n');
  writeFileSync(join(bed.cwd, '.env'), 'ROUTER_PORT=1\nROUTER_HOST=127.0.0.9\n');
  const { code, stdout } = await bed.run(['doctor']);
  assert.equal(code, 0);
  assert.match(stdout, /^listen_addr +: 127\.0\.0\.9:0$/m);
});

test('a data folder with open modes exits 78 with one line, and stays as it is (S13)', async (t) => {
  const bed = await CliBed.open(t);
  const { code } = await bed.run(['tokens', 'list']);
  assert.equal(code, 0);
  spawnSync('chmod', ['0755', bed.dataDir]);
  const refused = await bed.run(['serve'], { ROUTER_PORT: '0' });
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /^error: [^\n]*mode 0755[^\n]*chmod 700[^\n]*\n$/);
  const mended = await bed.run(['tokens', 'list', '--fix-perms']);
  assert.equal(mended.code, 0);
});

test('the reference pages are what the schema and the command line say', () => {
  const script = fileURLToPath(new URL('../../scripts/docs.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('help needs no data folder and makes none', async (t) => {
  const bed = await CliBed.open(t);
  assert.equal((await bed.run(['tokens', '--help'])).code, 0);
  assert.equal(existsSync(bed.dataDir), false);
});
