import assert from 'node:assert/strict';
import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
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
  const { id } = (JSON.parse(await run('tokens', 'list', '--json')) as { id: string }[])[0]!;
  await run('tokens', 'rotate', id);
  await run('tokens', 'expire', id);
  await run('tokens', 'revoke', id);
  for (const format of ['lino', 'bin']) {
    const out = join(bed.cwd, `out.${format}`);
    // A link in its place must not be written through.
    symlinkSync(join(bed.cwd, 'elsewhere'), out);
    await run('tokens', 'export', '--format', format, '--out', out);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    await run('tokens', 'import', out);
  }
  assert.deepEqual(readdirSync(bed.cwd).toSorted(), ['out.bin', 'out.lino'], 'nothing is left beside them');

  const router = bed.start(['serve'], SIMULATOR);
  const [, url = ''] = await router.line(/^Listening on (http:\S+)$/);
  const [, admin = ''] = await router.line(/^Admin token .*: (la_sk_\S+)$/);
  const headers = { authorization: `Bearer ${admin}` };
  check('the start');
  assert.equal((await fetch(`${url}/api/tokens`, { method: 'POST', headers, body: '{}' })).status, 200);
  const body = '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}';
  assert.equal(
    (await (await fetch(`${url}/v1/messages`, { method: 'POST', headers, body })).json()) instanceof Object,
    true,
  );
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
  await bed.run(['tokens', 'list']);
  const other = await CliBed.open(t);
  writeFileSync(join(other.cwd, 'planted'), 'q8ZrT5wLx2VbN7cKdY4mPf9hJ3gS6aEoUiXnBtRkWzHvMyQj', { mode: 0o600 });
  assert.equal((await other.run(['tokens', 'issue'], { DATA_DIR: join(other.cwd, 'd') })).code, 0);
  const planted = join(bed.home, 'd2');
  assert.equal((await bed.run(['tokens', 'list'], { DATA_DIR: planted })).code, 0);
  const secret = join(planted, 'token-secret');
  const { rmSync } = await import('node:fs');
  rmSync(secret, { force: true });
  symlinkSync(join(other.cwd, 'planted'), secret);
  assert.equal((await bed.run(['tokens', 'list'], { DATA_DIR: planted })).code, 78);
});
