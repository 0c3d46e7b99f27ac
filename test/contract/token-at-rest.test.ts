import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { createKeyring } from '../../src/tokens/format.ts';
import { newSecret } from '../../src/tokens/secret.ts';
import { createTokenService } from '../../src/tokens/service.ts';
import { temporaryFolder } from '../support/temp.ts';

test('S8 neither tokens nor the secret are in the database, its log or its index', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'core.db');
  const store = await openSqliteStore({ path });
  t.after(() => store.close());
  const secret = newSecret();
  const keyring = createKeyring(secret);
  const tokens = createTokenService({ store, keyring, installation: 'here', now: Date.now });
  const issued = await tokens.issue({ label: 'canary-label' });
  const rotated = await tokens.rotate(issued.record.id);
  assert.ok(rotated);

  assert.ok(existsSync(`${path}-wal`));
  const dump = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('');
  assert.ok(dump.includes('canary-label'), 'the dump holds what was written');
  for (const { token } of [issued, rotated]) {
    for (const part of [token, ...token.split('.').slice(1)]) assert.ok(!dump.includes(part));
  }
  assert.ok(!dump.includes(secret));
});
