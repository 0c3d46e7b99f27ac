import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * A number that grows with every change of a token, so that servers on one file need not forget what they know of tokens when
 * another one only books usage. Triggers count, so that a process of an older version, which may still run, counts as well.
 */
export const tokenChanges: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('token_changes')
      .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
      .addColumn('count', 'bigint', (column) => column.notNull())
      .execute();
    await sql`insert into token_changes (id, count) values (1, 0)`.execute(db);
    for (const event of ['insert', 'update', 'delete']) {
      await sql`create trigger ${sql.ref(`token_${event}`)} after ${sql.raw(event)} on tokens
        begin update token_changes set count = count + 1 where id = 1; end`.execute(db);
    }
  },
};
