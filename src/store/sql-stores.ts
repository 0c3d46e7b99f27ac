import type { Kysely } from 'kysely';
import { SqlTokenStore } from './sql-tokens.ts';
import { SqlUsageStore } from './sql-usage.ts';
import type { InstallationStore, Store } from './store.ts';
import type { Tables } from './tables.ts';

/** Everything of a store that is the same for every SQL database. Closing it closes `db`. */
export function sqlStores(db: Kysely<Tables>): Omit<Store, 'changedElsewhere'> {
  return {
    tokens: new SqlTokenStore(db),
    usage: new SqlUsageStore(db),
    installation: installationStore(db),
    probe: () => probe(db),
    close: () => db.destroy(),
  };
}

function installationStore(db: Kysely<Tables>): InstallationStore {
  return {
    async getOrCreate(key, value) {
      await db
        .insertInto('installation')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .execute();
      const row = await db.selectFrom('installation').select('value').where('key', '=', key).executeTakeFirstOrThrow();
      return row.value;
    },
    async find(key) {
      const row = await db.selectFrom('installation').select('value').where('key', '=', key).executeTakeFirst();
      return row?.value;
    },
  };
}

async function probe(db: Kysely<Tables>): Promise<void> {
  await db
    .insertInto('probe')
    .values({ id: 1, count: 1 })
    .onConflict((conflict) => conflict.column('id').doUpdateSet((eb) => ({ count: eb('probe.count', '+', 1) })))
    .execute();
}
