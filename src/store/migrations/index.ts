import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Tables } from '../tables.ts';
import { initial } from './0001-initial.ts';
import { tokenChanges } from './0002-token-changes.ts';

/** Every migration under its name, in order. A name that was ever released stays, and so does what it does. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-token-changes': tokenChanges,
};

/**
 * Brings the schema up to date, all of it or nothing. Expects a dialect whose transactions exclude other writers and cover
 * changes of the schema: two processes that start at once must not both create the tables. Rejects also when the database
 * went through a migration that is not among `migrations`.
 */
export async function migrate(db: Kysely<Tables>, migrations = MIGRATIONS): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}
