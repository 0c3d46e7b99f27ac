/**
 * A process of its own on a database file, for the tests that need several, or one that dies.
 * Arguments: the file, then one of:
 * `name`: prints the fact `id`, which all such processes must agree on;
 * `import`: imports 100 tokens in as many transactions, each of which reads before it writes, and prints their number;
 * `revoke`: issues and revokes a token, prints its id once that is acknowledged, and is killed at that moment.
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { importedRecord, tokenRecord } from './store.contract.ts';

const [path = '', action] = process.argv.slice(2);
const store = await openSqliteStore({ path });
if (action === 'name') {
  writeSync(1, await store.installation.getOrCreate('id', String(process.pid)));
  await store.close();
} else if (action === 'import') {
  let imported = 0;
  for (let round = 0; round < 100; round += 1) imported += await store.tokens.import([importedRecord()]);
  writeSync(1, String(imported));
  await store.close();
} else {
  const { id } = tokenRecord();
  await store.tokens.insert(tokenRecord({ id }));
  await store.tokens.revoke(id, 100);
  writeSync(1, id);
  process.kill(process.pid, 'SIGKILL');
}
