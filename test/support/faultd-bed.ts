import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfigInput } from '../../src/config/load.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import type { Store, UsageRow } from '../../src/store/store.ts';
import { type RawAnswer, exchange } from './client.ts';
import type { LedgerEntry } from './faultd/ledger.ts';
import { FairClock } from './faultd-clock.ts';
import { Faultd, type FaultdOptions } from './faultd/server.ts';
import { messagesRequest, SMALL_BODY, STREAM_BODY } from './messages-client.ts';
import { OPERATOR_KEY, startTestRouter } from './router.ts';
import { type Cleanup, temporaryFolder } from './temp.ts';

/** One request through the router, and everything that is known of it. */
export interface Asked {
  readonly nonce: string;
  readonly answer: RawAnswer;
  /** Milliseconds from the request to the end of the answer, by the clock and by `FairClock`. */
  readonly ms: number;
  readonly fairMs: number;
  /** All requests that the upstream got for it. */
  readonly entries: readonly LedgerEntry[];
  readonly row: UsageRow;
}

export interface Ask {
  readonly streamed?: boolean;
  readonly body?: string | Uint8Array;
  readonly headers?: readonly string[];
}

/** The real router with its store in a file, before the fake upstream, with one client token. */
export class FaultBed {
  readonly faultd: Faultd;
  readonly router: Awaited<ReturnType<typeof startTestRouter>>;
  readonly token: string;
  readonly clock: FairClock;
  readonly #t: Cleanup;
  readonly #store: Store;
  #serial = 0;

  private constructor(t: Cleanup, faultd: Faultd, router: FaultBed['router'], token: string, store: Store) {
    this.#t = t;
    this.faultd = faultd;
    this.router = router;
    this.token = token;
    this.#store = store;
    this.clock = new FairClock(t);
  }

  static async open(t: Cleanup, settings: ConfigInput = {}, options: FaultdOptions = {}): Promise<FaultBed> {
    const faultd = new Faultd(options);
    await faultd.listen();
    t.after(() => faultd.close());
    const dataDir = await temporaryFolder(t);
    const router = await startTestRouter(t, {
      upstreamBaseUrl: faultd.url,
      storagePolicy: 'sqlite',
      dataDir,
      ...settings,
    });
    const store = await openSqliteStore({ path: join(dataDir, 'core.db') });
    t.after(() => store.close());
    return new FaultBed(t, faultd, router, await router.issue(), store);
  }

  /** A request whose answer is the fault of that name, with parameters: `cut&at=3`. */
  async ask(fault: string, { streamed = true, body, headers = [] }: Ask = {}): Promise<Asked> {
    this.#serial += 1;
    const nonce = `n${this.#serial}`;
    const started = performance.now();
    const fairStart = this.clock.now();
    const answer = await exchange(
      this.#t,
      this.router.url,
      messagesRequest(this.token, {
        body: body ?? (streamed ? STREAM_BODY : SMALL_BODY),
        headers: ['x-fault', fault, 'x-nonce', nonce, ...headers],
      }),
    );
    const ms = performance.now() - started;
    const fairMs = this.clock.now() - fairStart;
    const row = await this.row(answer.head.header('request-id') ?? '');
    return { nonce, answer, ms, fairMs, entries: this.faultd.ledger.byNonce(nonce), row };
  }

  /** The usage row of a request, once it is in the store: it is written when the connection has let go of the answer. */
  async row(requestId: string): Promise<UsageRow> {
    for (let i = 0; i < 200; i += 1) {
      const row = await this.#store.usage.find(requestId);
      if (row) return row;
      await sleep(10);
    }
    throw new Error(`no usage row for ${requestId}`);
  }
}

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';
const IN_BAND = /event: error\ndata: (\{"type":"error".*\})\n\n$/;

/** The error event with which the router ends a broken stream: the type of the error, or `undefined`. */
export function inBandError(body: Buffer): string | undefined {
  const match = IN_BAND.exec(body.toString('latin1'));
  return match ? (JSON.parse(match[1]!) as { error: { type: string } }).error.type : undefined;
}

/**
 * What holds after every fault. I2: one row, and it agrees with the ledger. I6: the operator's credential and no other went
 * upstream. I7: the client's bytes are a prefix of the upstream's. And what the upstream began to bill is never booked as nothing.
 */
export function assertTold({ answer, entries, row }: Asked): void {
  for (const entry of entries) {
    assert.equal(entry.credential, OPERATOR_KEY, 'I6');
    assert.equal(entry.rawHeaders.join('\n').includes('la_sk_'), false, 'I6');
  }
  assert.equal(row.attempts, entries.length, 'I2: the ledger knows every attempt');
  const last = entries.at(-1)!;
  if (answer.status === 200) assertPrefix(answer, last);
  if (last.billed.input > 0 || last.billed.output > 0) {
    assert.ok(
      row.inputTokens >= last.billed.input && row.outputTokens >= last.billed.output,
      'I2: booked at least the bill',
    );
  }
  if (last.final) {
    assert.deepEqual(
      [row.inputTokens, row.outputTokens],
      [last.billed.input, last.billed.output],
      'I2: booked the bill',
    );
    assert.equal(row.estimated, false);
  }
}

/** What the router adds is pings, and the error event with the line end that may have to stand before it. */
function assertPrefix({ body, end }: RawAnswer, entry: LedgerEntry): void {
  if (entry.body === undefined) return;
  const sent = entry.body.toString('latin1').replaceAll(PING, '');
  const text = body.toString('latin1');
  const error = end === 'cut' ? IN_BAND.exec(text) : null;
  const relayed = (error ? text.slice(0, error.index) : text).replaceAll(PING, '');
  const isPrefix = sent.startsWith(relayed) || (error !== null && sent.startsWith(relayed.replace(/\n$/, '')));
  assert.ok(isPrefix, 'I7: a prefix');
  if (end === 'clean') assert.equal(relayed.length, sent.length, 'I7: a clean end has everything');
}
