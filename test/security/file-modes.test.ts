import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliBed } from '../support/cli.ts';

const SIMULATOR = { ROUTER_PORT: '0', UPSTREAM_PROVIDER: 'simulator' };

/** Every file below a folder, with its mode. */
function modesOf(folder: string): Map<string, number> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(names.map((name) => [name, statSync(join(folder, name)).mode & 0o777]));
}

test('S13 after every command and request that writes, all files are 0600 and the folder 0700, whatever the umask', async (t) => {
  const umask = process.umask(0);
  t.after(() => void process.umask(umask));
  const bed = await CliBed.open(t);
  const seen = new Set<string>();
  const check = (after: string) => {
    assert.equal(statSync(bed.dataDir).mode & 0o777, 0o700, after);
    for (const [name, mode] of modesOf(bed.dataDir)) {
      seen.add(name);
      assert.equal(mode, 0o600, `${name} after ${after}`);
    }
  };
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await bed.run(args);
    assert.equal(code, 0, stderr);
    check(args.join(' '));
    return stdout.trim();
  };

  await run('tokens', 'issue', '--label', 'a');
  for (const format of ['lino', 'bin']) {
    const out = join(bed.cwd, `out.${format}`);
    // A link in its place must not be written through.
    symlinkSync(join(bed.cwd, 'elsewhere'), out);
    await run('tokens', 'export', '--format', format, '--out', out);
    assert.equal(statSync(out).mode & 0o777, 0o600);
  }
  await run('tokens', 'import', join(bed.cwd, 'out.lino'), join(bed.cwd, 'out.bin'));
  assert.deepEqual(readdirSync(bed.cwd).toSorted(), ['out.bin', 'out.lino'], 'nothing is left beside them');

  const router = bed.start(['serve'], SIMULATOR);
  const [, url = ''] = await router.line(/^Listening on (http:\S+)$/);
  const [, admin = ''] = await router.line(/^Admin token .*: (la_sk_\S+)$/);
  const headers = { authorization: `Bearer ${admin}` };
  check('the start');
  const post = async (path: string, body: string) => {
    const answer = await fetch(url + path, { method: 'POST', headers, body });
    assert.equal(answer.status, 200, path);
    return (await answer.json()) as { id: string };
  };
  const { id } = await post('/api/tokens', '{}');
  await post('/api/tokens/rotate', JSON.stringify({ id }));
  await post('/api/tokens/revoke', JSON.stringify({ id }));
  await post('/v1/messages', '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}');
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  check('requests');
  router.signal('SIGTERM');
  await router.result;
  check('the end');
  assert.deepEqual(
    [...seen].toSorted(),
    ['core.db', 'core.db-shm', 'core.db-wal', 'token-secret'],
    'all kinds of files were looked at',
  );
});

test('S13 a link in the place of the secret is not followed', async (t) => {
  const bed = await CliBed.open(t);
  const planted = join(bed.cwd, 'planted');
  writeFileSync(planted, 'q8ZrT5wLx2VbN7cKdY4mPf9hJ3gS6aEoUiXnBtRkWzHvMyQj', { mode: 0o600 });
  mkdirSync(bed.dataDir, { mode: 0o700 });
  symlinkSync(planted, join(bed.dataDir, 'token-secret'));
  const { code, stderr } = await bed.run(['tokens', 'list']);
  assert.equal(code, 78);
  assert.match(stderr, /^error: [^\n]*token-secret[^\n]*\n$/);
});
