import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliBed } from '../support/cli.ts';

/** Everything that would lead the demo away from its simulator. */
function trap(bed: CliBed): Record<string, string> {
  const tmp = join(bed.cwd, 'tmp');
  mkdirSync(tmp);
  mkdirSync(join(bed.home, '.claude'));
  writeFileSync(join(bed.home, '.claude', '.credentials.json'), 'not even JSON');
  writeFileSync(join(bed.cwd, '.env'), 'ROUTER_PORT=broken\n');
  writeFileSync(join(bed.cwd, '.lenv'), 'broken\n');
  return {
    TMPDIR: tmp,
    ROUTER_PORT: 'broken',
    TOKEN_SECRET: 'weak',
    UPSTREAM_BASE_URL: 'http://127.0.0.1:1',
    ANTHROPIC_API_KEY: 'hunter2',
  };
}

test('the demo streams an answer over HTTP, says what was booked and what to try, and leaves nothing behind', async (t) => {
  const bed = await CliBed.open(t);
  const env = trap(bed);
  const { code, stdout, stderr } = await bed.run(['demo'], env);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^Listening on http:\/\/127\.0\.0\.1:\d+,/);
  assert.match(stdout, /^> .+\n\S.*simulator/ims);
  const booked = /^Booked on this token: 1 request, (\d+) tokens in, (\d+) out,/m.exec(stdout) ?? assert.fail(stdout);
  assert.ok(Number(booked[1]) > 0 && Number(booked[2]) > 0);
  assert.match(stdout, /curl http:\/\/127\.0\.0\.1:\d+\/v1\/messages -H 'authorization: Bearer la_sk_/);
  assert.match(stdout, /ANTHROPIC_BASE_URL=http:\/\/127\.0\.0\.1:\d+ ANTHROPIC_AUTH_TOKEN=la_sk_\S+ claude/);
  assert.doesNotMatch(stdout, /hunter2/);
  assert.deepEqual(readdirSync(env['TMPDIR'] ?? ''), []);
  assert.equal(existsSync(bed.dataDir), false);
});

test('demo --keep serves until a signal, with the token that it printed', async (t) => {
  const bed = await CliBed.open(t);
  const env = trap(bed);
  const demo = bed.start(['demo', '--keep'], env);
  const [, url = '', token = ''] = await demo.line(/ANTHROPIC_BASE_URL=(\S+) ANTHROPIC_AUTH_TOKEN=(\S+) claude/);
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-4-5',
      max_tokens: 64,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  });
  assert.equal(answer.status, 200);
  demo.signal('SIGTERM');
  assert.equal((await demo.result).code, 0);
  assert.deepEqual(readdirSync(env['TMPDIR'] ?? ''), []);
});

test('the demo refuses settings that would lead it to real data', async (t) => {
  const bed = await CliBed.open(t);
  const { code, stderr } = await bed.run(['demo', '--data-dir', bed.dataDir]);
  assert.equal(code, 2);
  assert.match(stderr, /^error: --data-dir /);
  assert.equal(existsSync(bed.dataDir), false);
});
