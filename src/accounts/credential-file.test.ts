import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CredentialFile } from './credential-file.ts';

function home(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claude-home-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function open(t: TestContext, path: string, pollMs = 1_000): CredentialFile {
  const file = new CredentialFile(path, pollMs);
  t.after(() => file.close());
  return file;
}

const write = (path: string, name: string, value: unknown) =>
  writeFileSync(join(path, name), typeof value === 'string' ? value : JSON.stringify(value));
const nested = (accessToken: string) => ({
  claudeAiOauth: { accessToken, refreshToken: 'r', expiresAt: 1, scopes: [] },
});

test('R1 the nested file of Claude Code and every flat form are read', (t) => {
  for (const value of [
    nested('good'),
    { access_token: 'good' },
    { accessToken: 'good', oauth_token: 'other' },
    { oauthToken: 'good' },
    { access_token: '', oauth_token: 'good' },
  ]) {
    const path = home(t);
    write(path, '.credentials.json', value);
    const file = open(t, path);
    assert.equal(file.current(), 'good');
    assert.equal(file.problem(), undefined);
    assert.equal(file.origin, join(path, '.credentials.json'));
  }
});

test('a broken file does not hide a good one behind it', (t) => {
  const path = home(t);
  write(path, 'credentials.json', '{"half');
  mkdirSync(join(path, 'auth.json'));
  write(path, 'config.json', { access_token: 'good' });
  assert.equal(open(t, path).current(), 'good');
});

test('an empty home has a problem that says what to do, and no secret', (t) => {
  const file = open(t, home(t));
  assert.equal(file.current(), undefined);
  assert.match(file.problem() ?? '', /no credential file in .*sign in with Claude Code/);
});

test('a token that would break a header is no token', (t) => {
  const path = home(t);
  write(path, '.credentials.json', nested('a\r\nx-evil: 1'));
  assert.equal(open(t, path).current(), undefined);
});

test('P9 the last good token stays while the file is truncated, broken, empty or away; a new one is taken', (t) => {
  const path = home(t);
  write(path, '.credentials.json', nested('first'));
  const file = open(t, path);
  for (const broken of ['', '{', '[]', 'null', '{"claudeAiOauth":7}']) {
    write(path, '.credentials.json', broken);
    assert.equal(file.reload(), false);
    assert.equal(file.current(), 'first');
    assert.notEqual(file.problem(), undefined);
  }
  rmSync(join(path, '.credentials.json'));
  assert.equal(file.reload(), false);
  assert.equal(file.current(), 'first');
  write(path, 'new', nested('second'));
  renameSync(join(path, 'new'), join(path, '.credentials.json'));
  assert.equal(file.reload(), true);
  assert.equal(file.current(), 'second');
  assert.equal(file.problem(), undefined);
});

test('P9 a change is noticed without asking', async (t) => {
  const path = home(t);
  write(path, '.credentials.json', nested('first'));
  const file = open(t, path, 20);
  write(path, '.credentials.json', nested('second'));
  const end = Date.now() + 2_000;
  while (file.current() !== 'second' && Date.now() < end) await sleep(10);
  assert.equal(file.current(), 'second');
});
