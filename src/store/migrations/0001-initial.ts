import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Tokens, usage, facts on the installation, and the row that probes write. */
export const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db;
    await schema
      .createTable('tokens')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('digest', 'text')
      .addColumn('last4', 'text', (column) => column.notNull())
      .addColumn('label', 'text', (column) => column.notNull())
      .addColumn('scope', 'text', (column) => column.notNull())
      .addColumn('account', 'text')
      .addColumn('issued_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at', 'bigint')
      .execute();
    await schema
      .createTable('usage')
      .addColumn('request_id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('started_at', 'bigint', (column) => column.notNull())
      .addColumn('token_id', 'text', (column) => column.notNull())
      .addColumn('route', 'text', (column) => column.notNull())
      .addColumn('upstream', 'text')
      .addColumn('account', 'text')
      .addColumn('model', 'text')
      .addColumn('status', 'integer', (column) => column.notNull())
      .addColumn('streamed', 'integer', (column) => column.notNull())
      .addColumn('ended', 'text', (column) => column.notNull())
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('input_tokens', 'bigint', (column) => column.notNull())
      .addColumn('output_tokens', 'bigint', (column) => column.notNull())
      .addColumn('cache_write_tokens', 'bigint', (column) => column.notNull())
      .addColumn('cache_write_1h_tokens', 'bigint', (column) => column.notNull())
      .addColumn('cache_read_tokens', 'bigint', (column) => column.notNull())
      .addColumn('estimated', 'integer', (column) => column.notNull())
      .addColumn('bytes_to_upstream', 'bigint', (column) => column.notNull())
      .addColumn('bytes_from_upstream', 'bigint', (column) => column.notNull())
      .addColumn('duration_ms', 'double precision', (column) => column.notNull())
      .addColumn('first_byte_ms', 'double precision')
      .addColumn('upstream_request_id', 'text')
      .execute();
    await schema.createIndex('usage_by_token').on('usage').column('token_id').execute();
    await schema
      .createTable('installation')
      .addColumn('key', 'text', (column) => column.primaryKey().notNull())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createTable('probe')
      .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
      .addColumn('count', 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
