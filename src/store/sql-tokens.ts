import type { Kysely, Selectable, Transaction } from 'kysely';
import { DuplicateTokenError, type TokenRecord, type TokenStore } from './store.ts';
import type { Tables, TokensTable } from './tables.ts';

/** `TokenStore` in SQL. Every change is one statement or one transaction, so a failed one changes nothing. */
export class SqlTokenStore implements TokenStore {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async insert(record: TokenRecord): Promise<void> {
    await insert(this.#db, record);
  }

  async find(id: string): Promise<TokenRecord | undefined> {
    return find(this.#db, id);
  }

  async list(): Promise<TokenRecord[]> {
    const rows = await this.#db.selectFrom('tokens').selectAll().orderBy('issued_at').orderBy('id').execute();
    return rows.map(recordOf);
  }

  async revoke(id: string, at: number): Promise<'revoked' | 'unknown'> {
    const { numUpdatedRows } = await this.#db
      .updateTable('tokens')
      .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(at)) }))
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows > 0n ? 'revoked' : 'unknown';
  }

  async expire(id: string, at: number): Promise<'expired' | 'unknown'> {
    const { numUpdatedRows } = await this.#db
      .updateTable('tokens')
      .set((eb) => ({ expires_at: eb.case().when('expires_at', '>', at).then(at).else(eb.ref('expires_at')).end() }))
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows > 0n ? 'expired' : 'unknown';
  }

  async replace(id: string, successor: TokenRecord, at: number): Promise<'replaced' | 'unknown'> {
    return this.#db.transaction().execute(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('tokens')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return 'unknown';
      await insert(trx, successor);
      return 'replaced';
    });
  }

  async import(records: readonly TokenRecord[]): Promise<number> {
    return this.#db.transaction().execute(async (trx) => {
      const changed = new Set<string>();
      for (const record of records) {
        if (await merge(trx, record)) changed.add(record.id);
      }
      return changed.size;
    });
  }

  async totals(): Promise<{ issued: number; revoked: number }> {
    const row = await this.#db
      .selectFrom('tokens')
      .select((eb) => [eb.fn.countAll().as('issued'), eb.fn.count('revoked_at').as('revoked')])
      .where('digest', 'is not', null)
      .executeTakeFirstOrThrow();
    return { issued: Number(row.issued), revoked: Number(row.revoked) };
  }
}

type Db = Kysely<Tables> | Transaction<Tables>;

async function find(db: Db, id: string): Promise<TokenRecord | undefined> {
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row && recordOf(row);
}

async function insert(db: Db, record: TokenRecord): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('tokens')
    .values(rowOf(record))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows !== 1n) throw new DuplicateTokenError(record.id);
}

/** Whether anything changed. Only a revocation and an earlier expiry come over to a record that is there. */
async function merge(db: Db, incoming: TokenRecord): Promise<boolean> {
  const present = await find(db, incoming.id);
  if (!present) {
    await insert(db, incoming);
    return true;
  }
  const revoked_at = present.revokedAt ?? incoming.revokedAt;
  const expires_at = Math.min(present.expiresAt, incoming.expiresAt);
  if (revoked_at === present.revokedAt && expires_at === present.expiresAt) return false;
  await db.updateTable('tokens').set({ revoked_at, expires_at }).where('id', '=', incoming.id).execute();
  return true;
}

function recordOf(row: Selectable<TokensTable>): TokenRecord {
  const { issued_at, expires_at, revoked_at, ...same } = row;
  return { ...same, issuedAt: issued_at, expiresAt: expires_at, revokedAt: revoked_at };
}

function rowOf(record: TokenRecord): TokensTable {
  const { issuedAt, expiresAt, revokedAt, ...same } = record;
  return { ...same, issued_at: issuedAt, expires_at: expiresAt, revoked_at: revokedAt };
}
