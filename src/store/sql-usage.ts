import { CompiledQuery, type Kysely, type Selectable } from 'kysely';
import type { UsageRow, UsageStore, UsageTotals } from './store.ts';
import type { Tables, UsageTable } from './tables.ts';

/**
 * Rows per statement, largest first. Building and compiling a statement costs more than running it, so each size is compiled
 * once and used again with other parameters.
 */
const CHUNK_SIZES = [64, 32, 16, 8, 4, 2, 1];

interface Chunk {
  readonly size: number;
  readonly query: CompiledQuery;
}

/** `UsageStore` in SQL. */
export class SqlUsageStore implements UsageStore {
  readonly #db: Kysely<Tables>;
  readonly #chunks: readonly Chunk[];

  constructor(db: Kysely<Tables>) {
    this.#db = db;
    this.#chunks = CHUNK_SIZES.map((size) => ({ size, query: compileInsert(db, size) }));
  }

  async append(rows: readonly UsageRow[]): Promise<void> {
    const queries = this.#split(rows);
    const [only] = queries;
    if (only && queries.length === 1) await this.#db.executeQuery(only);
    if (queries.length < 2) return;
    await this.#db.transaction().execute(async (trx) => {
      for (const query of queries) await trx.executeQuery(query);
    });
  }

  async find(requestId: string): Promise<UsageRow | undefined> {
    const row = await this.#db.selectFrom('usage').selectAll().where('request_id', '=', requestId).executeTakeFirst();
    return row && usageRowOf(row);
  }

  async totals(tokenId: string): Promise<UsageTotals> {
    const row = await this.#db
      .selectFrom('usage')
      .select((eb) => [
        eb.fn.countAll().as('requests'),
        eb.fn.sum('input_tokens').as('input'),
        eb.fn.sum('output_tokens').as('output'),
        eb.fn.sum('cache_write_tokens').as('cacheWrite'),
        eb.fn.sum('cache_read_tokens').as('cacheRead'),
      ])
      .where('token_id', '=', tokenId)
      .executeTakeFirstOrThrow();
    return {
      requests: Number(row.requests),
      inputTokens: Number(row.input),
      outputTokens: Number(row.output),
      cacheWriteTokens: Number(row.cacheWrite),
      cacheReadTokens: Number(row.cacheRead),
    };
  }

  #split(rows: readonly UsageRow[]): CompiledQuery[] {
    const queries: CompiledQuery[] = [];
    let from = 0;
    for (const { size, query } of this.#chunks) {
      for (; rows.length - from >= size; from += size) {
        const parameters = rows.slice(from, from + size).flatMap((row) => Object.values(tableRowOf(row)));
        queries.push({ ...query, parameters });
      }
    }
    return queries;
  }
}

function compileInsert(db: Kysely<Tables>, size: number): CompiledQuery {
  const row = tableRowOf(PLACEHOLDER);
  return db
    .insertInto('usage')
    .values(Array.from({ length: size }, () => row))
    .onConflict((conflict) => conflict.column('request_id').doNothing())
    .compile();
}

/** Stands for any row while the statements are compiled. */
const PLACEHOLDER: UsageRow = {
  requestId: '',
  startedAt: 0,
  tokenId: '',
  route: '',
  upstream: null,
  account: null,
  model: null,
  status: 0,
  streamed: false,
  ended: '',
  attempts: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  cacheReadTokens: 0,
  estimated: false,
  bytesToUpstream: 0,
  bytesFromUpstream: 0,
  durationMs: 0,
  firstByteMs: null,
  upstreamRequestId: null,
};

/** The order of these members is the order of the parameters of every compiled insert. */
function tableRowOf(row: UsageRow): UsageTable {
  return {
    request_id: row.requestId,
    started_at: row.startedAt,
    token_id: row.tokenId,
    route: row.route,
    upstream: row.upstream,
    account: row.account,
    model: row.model,
    status: row.status,
    streamed: Number(row.streamed),
    ended: row.ended,
    attempts: row.attempts,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cache_write_tokens: row.cacheWriteTokens,
    cache_write_1h_tokens: row.cacheWrite1hTokens,
    cache_read_tokens: row.cacheReadTokens,
    estimated: Number(row.estimated),
    bytes_to_upstream: row.bytesToUpstream,
    bytes_from_upstream: row.bytesFromUpstream,
    duration_ms: row.durationMs,
    first_byte_ms: row.firstByteMs,
    upstream_request_id: row.upstreamRequestId,
  };
}

function usageRowOf(row: Selectable<UsageTable>): UsageRow {
  return {
    requestId: row.request_id,
    startedAt: row.started_at,
    tokenId: row.token_id,
    route: row.route,
    upstream: row.upstream,
    account: row.account,
    model: row.model,
    status: row.status,
    streamed: row.streamed === 1,
    ended: row.ended,
    attempts: row.attempts,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    cacheWrite1hTokens: row.cache_write_1h_tokens,
    cacheReadTokens: row.cache_read_tokens,
    estimated: row.estimated === 1,
    bytesToUpstream: row.bytes_to_upstream,
    bytesFromUpstream: row.bytes_from_upstream,
    durationMs: row.duration_ms,
    firstByteMs: row.first_byte_ms,
    upstreamRequestId: row.upstream_request_id,
  };
}
