import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliBed } from '../support/cli.ts';

const TOKEN = /^la_sk_[\w-]+\.[\w-]+\.[\w-]+$/;
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

interface View {
  id: string;
  label: string;
  issued_at: number;
  expires_at: number;
  revoked: boolean;
  account: string | null;
  scope: string;
  state: string;
}

/** Runs a command that must succeed, and gives its stdout without the last line end. */
async function ask(bed: CliBed, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await bed.run(args);
  assert.deepEqual([code, stderr], [0, ''], `${args.join(' ')}\n${stderr}`);
  assert.ok(stdout.endsWith('\n'));
  return stdout.slice(0, -1);
}

const list = async (bed: CliBed): Promise<View[]> => JSON.parse(await ask(bed, 'tokens', 'list', '--json'));

test('issue prints the token and nothing else; list and show tell the rest, without the token', async (t) => {
  const bed = await CliBed.open(t);
  const token = await ask(bed, 'tokens', 'issue', '--ttl-hours', '2', '--label', 'für Ada', '--account', 'primary');
  assert.match(token, TOKEN);
  assert.match(await ask(bed, 'tokens', 'issue', '--admin'), TOKEN);
  const rows = await list(bed);
  assert.equal(rows.length, 2);
  // Both may be of the same second, and then their ids decide which comes first.
  const first = rows.find(({ scope }) => scope === 'client') ?? assert.fail();
  const second = rows.find(({ scope }) => scope === 'admin') ?? assert.fail();
  assert.deepEqual(
    [first.label, first.expires_at - first.issued_at, first.revoked, first.account, first.scope, first.state],
    ['für Ada', 7200, false, 'primary', 'client', 'good'],
  );
  assert.deepEqual(
    [second.label, second.expires_at - second.issued_at, second.account, second.scope],
    ['', 86_400, null, 'admin'],
  );
  assert.deepEqual(JSON.parse(await ask(bed, 'tokens', 'show', first.id)), first);

  const table = (await ask(bed, 'tokens', 'list')).split('\n');
  assert.equal(table[0], `${'id'.padEnd(36)}  issued_at   expires_at  revoked     state    label`);
  assert.equal(
    table.find((row) => row.startsWith(first.id)),
    `${first.id}  ${first.issued_at}  ${first.expires_at}  false       good     für Ada`,
  );
  const secret = token.split('.')[2] ?? assert.fail();
  assert.ok(!JSON.stringify([first, table]).includes(secret));
});

test('revoke, expire and rotate end tokens; unknown ids exit 2 (P2)', async (t) => {
  const bed = await CliBed.open(t);
  for (const label of ['a', 'b', 'c']) await ask(bed, 'tokens', 'issue', '--label', label, '--ttl-hours', '5');
  const rows = await list(bed);
  const [a, b, c] = ['a', 'b', 'c'].map((label) => rows.find((row) => row.label === label) ?? assert.fail());
  assert.ok(a && b && c);
  assert.equal(await ask(bed, 'tokens', 'revoke', a.id), `revoked ${a.id}`);
  assert.equal(await ask(bed, 'tokens', 'expire', b.id), `expired ${b.id}`);
  assert.match(await ask(bed, 'tokens', 'rotate', c.id), TOKEN);
  const after = await list(bed);
  assert.deepEqual(
    new Set(after.map(({ label, state }) => `${label} ${state}`)),
    new Set(['a revoked', 'b expired', 'c revoked', 'c good']),
  );
  const successor = after.find(({ state }) => state === 'good');
  assert.equal(successor && successor.expires_at - successor.issued_at, 5 * 3600);

  for (const command of ['show', 'revoke', 'expire', 'rotate']) {
    const { code, stdout, stderr } = await bed.run(['tokens', command, UNKNOWN]);
    assert.deepEqual([code, stdout, stderr], [2, '', `not found: ${UNKNOWN}\n`]);
  }
});

const LINO = `# Link.Assistant.Router token store
(token a (label "test \\"label\\"") (issued_at 1700000000) (expires_at 4700001000) (revoked false) (account "primary"))
(token b (label "") (issued_at 1700000000) (expires_at 4700001000) (revoked true))
`;

test('import and export keep the tokens of 0.17.0, in both formats, in private files', async (t) => {
  const bed = await CliBed.open(t);
  const lino = join(bed.cwd, 'old');
  writeFileSync(lino, LINO);
  const imported = await bed.run(['tokens', 'import', 'old'], { TOKEN_SECRET: '' });
  assert.deepEqual([imported.code, imported.stdout], [0, 'imported 2 token(s)\n']);
  assert.match(imported.stderr, /^hint: TOKEN_SECRET is not set\b.*\n$/);

  const bin = join(bed.cwd, 'tokens.out');
  writeFileSync(bin, 'before', { mode: 0o644 });
  const { code, stdout } = await bed.run(['tokens', 'export', '--format', 'bin', '--out', bin]);
  assert.deepEqual([code, stdout], [0, '']);
  assert.equal(statSync(bin).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(bed.cwd).toSorted(), ['old', 'tokens.out']);
  assert.equal(readFileSync(bin).toString('latin1', 0, 8), 'LARTOK01');

  const other = await CliBed.open(t);
  const env = { TOKEN_SECRET: 'a secret for this test with many different bytes' };
  const again = await other.run(['tokens', 'import', bin], env);
  assert.deepEqual([again.code, again.stdout, again.stderr], [0, 'imported 2 token(s)\n', '']);
  assert.equal((await other.run(['tokens', 'import', bin, lino], env)).stdout, 'imported 0 token(s)\n');
  const exported = await other.run(['tokens', 'export', '--format', 'lino']);
  assert.deepEqual(exported.stdout.split('\n').slice(-3), LINO.split('\n').slice(-3));
});

test('one bad file among several imports nothing', async (t) => {
  const bed = await CliBed.open(t);
  writeFileSync(join(bed.cwd, 'good'), LINO);
  writeFileSync(join(bed.cwd, 'bad'), '(token x (label "unfinished)\n');
  const { code, stdout, stderr } = await bed.run(['tokens', 'import', 'good', 'bad']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^error: bad: [^\n]+\n$/);
  assert.deepEqual(await list(bed), []);
  assert.equal((await bed.run(['tokens', 'import', 'absent'])).code, 2);
});

test('with the memory policy there is nothing to work on', async (t) => {
  const bed = await CliBed.open(t);
  const { code, stdout, stderr } = await bed.run(['tokens', 'issue'], { STORAGE_POLICY: 'memory' });
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /STORAGE_POLICY/);
});
