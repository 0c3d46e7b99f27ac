import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ConfigError } from '../errors.ts';
import { assertStrongSecret, loadOrCreateSecret, newSecret } from './secret.ts';

const GOOD = 'mJx3dV0tq9sWc7ZkYb2nUe5oLr8PhGfA1iTQvDzN4XyK6wES';

describe('S4 a signing secret', () => {
  for (const [secret, why] of [
    ['', 'has 0 bytes'],
    ['short', 'has 5 bytes'],
    [GOOD.slice(0, 31), 'has 31 bytes'],
    ['a'.repeat(64), 'repeats itself'],
    ['0123456789abcdef'.repeat(4), 'repeats itself'],
    ['aabbccddeeffgghhiijjkkllmmnnoo11'.slice(0, 28) + 'aaaa', 'different bytes'],
    ['change-me-to-a-long-random-string-of-bytes', 'published example'],
    ['CHANGE_ME_zW3kP9xQ7vB2nM5tR8yL1cF4hJ6', 'published example'],
    ['your-secret-here-make-it-at-least-32-chars', 'published example'],
    ['your-secure-random-secret-for-tokens-xyz', 'published example'],
    ['replace-with-openssl-rand-output-please-1', 'published example'],
    ['my-super-secret-key-that-nobody-will-guess', 'published example'],
    ['correct horse battery staple password 42', 'published example'],
    ['abcdefghijklmnopqrstuvwxyz0123456789ABCD', 'published example'],
  ] as const) {
    it(`refuses ${secret || 'nothing'}: ${why}`, () => {
      assert.throws(
        () => assertStrongSecret(secret, 'TOKEN_SECRET'),
        (error) =>
          error instanceof ConfigError &&
          error.message.startsWith('TOKEN_SECRET ') &&
          error.message.includes(why) &&
          error.message.includes('openssl rand -base64 48') &&
          (secret === '' || !error.message.includes(secret)),
      );
    });
  }

  it('takes random ones', () => {
    assertStrongSecret(GOOD.slice(0, 32), 'TOKEN_SECRET');
    for (let round = 0; round < 500; round += 1) {
      assertStrongSecret(newSecret(), 'TOKEN_SECRET');
      assertStrongSecret(randomBytes(48).toString('base64url'), 'TOKEN_SECRET');
    }
  });
});

describe('S13 the secret of a data folder', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'router-secret-'));
    path = join(folder, 'token-secret');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made once, closed to others, and nothing is left beside it', async () => {
    const umask = process.umask(0);
    const secret = await loadOrCreateSecret(folder).finally(() => process.umask(umask));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder), ['token-secret']);
    assert.equal((await readFile(path, 'utf8')).trim(), secret);
    assert.equal(await loadOrCreateSecret(folder), secret);
  });

  it('is one, whoever comes first', async () => {
    const secrets = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateSecret(folder)));
    assert.equal(new Set(secrets).size, 1);
    assert.deepEqual(await readdir(folder), ['token-secret']);
  });

  it('may end in a line end, as editors leave it', async () => {
    await writeFile(path, `${GOOD}\n`, { mode: 0o600 });
    assert.equal(await loadOrCreateSecret(folder), GOOD);
  });

  it('is refused while others can reach it', async () => {
    await writeFile(path, GOOD, { mode: 0o600 });
    for (const mode of [0o640, 0o604, 0o620, 0o644]) {
      await chmod(path, mode);
      await assert.rejects(loadOrCreateSecret(folder), { name: 'ConfigError', exitCode: 78, message: /chmod 600/ });
    }
  });

  it('is refused when it is a link or a folder', async () => {
    await writeFile(join(folder, 'elsewhere'), GOOD, { mode: 0o600 });
    await symlink('elsewhere', path);
    await assert.rejects(loadOrCreateSecret(folder), { name: 'ConfigError', exitCode: 78, message: /token-secret/ });
    await rm(path);
    await mkdir(path, { mode: 0o700 });
    await assert.rejects(loadOrCreateSecret(folder), { name: 'ConfigError', exitCode: 78, message: /not a file/ });
  });

  it('is refused when it is weak, and kept', async () => {
    await writeFile(path, 'weak', { mode: 0o600 });
    await assert.rejects(loadOrCreateSecret(folder), {
      name: 'ConfigError',
      message: new RegExp(`${path} has 4 bytes`),
    });
    assert.equal(await readFile(path, 'utf8'), 'weak');
  });

  it('cannot be made in a folder that is not there', async () => {
    const missing = join(folder, 'missing');
    await assert.rejects(loadOrCreateSecret(missing), { name: 'ConfigError', exitCode: 78, message: /ENOENT/ });
  });
});
