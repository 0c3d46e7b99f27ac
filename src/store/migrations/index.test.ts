import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { sqliteDialect } from '../sqlite-dialect.ts';
import { SqliteHandle } from '../sqlite-handle.ts';
import type { Tables } from '../tables.ts';
import { MIGRATIONS, migrate } from './index.ts';

const ALL = ['installation', 'probe', 'token_changes', 'tokens', 'usage'];

describe('migrate', () => {
  let db: Kysely<Tables>;
  beforeEach(() => {
    db = new Kysely<Tables>({ dialect: sqliteDialect(new SqliteHandle(() => new DatabaseSync(':memory:'))) });
  });
  afterEach(() => db.destroy());

  const tables = async () => (await db.introspection.getTables()).map(({ name }) => name).toSorted();
  const later: Migration = {
    up: (schema) => schema.schema.alterTable('tokens').addColumn('note', 'text').execute(),
  };

  it('makes every table, and does nothing the second time', async () => {
    await migrate(db);
    assert.deepEqual(await tables(), ALL);
    await migrate(db);
    assert.deepEqual(await tables(), ALL);
  });

  it('P14 a later migration keeps what is there', async () => {
    await migrate(db);
    await db.insertInto('installation').values({ key: 'id', value: 'kept' }).execute();
    await migrate(db, { ...MIGRATIONS, '9999-later': later });
    const { rows } = await sql<{ name: string }>`select name from pragma_table_info('tokens')`.execute(db);
    assert.ok(rows.some(({ name }) => name === 'note'));
    const facts = await db.selectFrom('installation').select('value').execute();
    assert.deepEqual(
      facts.map(({ value }) => value),
      ['kept'],
    );
  });

  it('P14 one that fails takes the ones before it back', async () => {
    const broken: Migration = {
      async up() {
        throw new Error('it does not work');
      },
    };
    await assert.rejects(migrate(db, { ...MIGRATIONS, '9998-later': later, '9999-broken': broken }), /does not work/);
    assert.deepEqual(await tables(), []);
    await migrate(db);
    assert.deepEqual(await tables(), ALL);
  });

  it('P14 a database that went through an unknown migration is refused', async () => {
    await migrate(db, { ...MIGRATIONS, '9999-later': later });
    await assert.rejects(migrate(db), /9999-later is missing/);
  });

  it('has names that sort in their order', () => {
    const names = Object.keys(MIGRATIONS);
    assert.deepEqual(
      names,
      names.toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });
});
