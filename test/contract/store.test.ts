import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { sharedStoreContract, storeContract } from './store.contract.ts';

const sqliteFile = () => {
  const folder = mkdtempSync(join(tmpdir(), 'router-store-'));
  const open = () => openSqliteStore({ path: join(folder, 'core.db') });
  return { open, openAgain: open, remove: () => rmSync(folder, { recursive: true }) };
};

storeContract('sqlite file', sqliteFile);
sharedStoreContract('sqlite file', sqliteFile);
storeContract('sqlite in memory', () => ({ open: () => openSqliteStore({ path: ':memory:' }), remove: () => {} }));
