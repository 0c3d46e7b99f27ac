import { createHash, type Hash } from 'node:crypto';

/** Bytes of one answer's body that are kept to compare with. Of a longer one only the length and the digest are known. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** The truth about one request, as the upstream knows it. All of it is plain data but `body`. */
export class LedgerEntry {
  /** The upstream's own, which its answers carry as `request-id`. */
  readonly requestId: string;
  /** Of the connection, and of the request on it, both from 0. */
  readonly connection: number;
  readonly indexOnConnection: number;
  readonly method: string;
  readonly target: string;
  readonly fault: string;
  /** Value of the `x-nonce` header: what a test calls this request. */
  readonly nonce: string | null;
  /** What stood in `x-api-key`, or behind `Bearer`. */
  readonly credential: string | null;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Milliseconds of `performance.now()` of this process. */
  readonly startedAt = performance.now();
  endedAt: number | null = null;
  bytesReceived = 0;
  /** All bytes of the request's body came. */
  received = false;
  /** Body bytes of the answer that were handed to the kernel, without head and chunk framing. */
  bytesSent = 0;
  /** The largest figures that went out: what a provider would bill at least. */
  readonly billed = { input: 0, output: 0 };
  /** The final usage went out: `billed` is then exactly what the client must be booked. */
  final = false;
  /** The event that ends a stream, or the whole JSON, went out. */
  terminal = false;
  /** `answered`: the fault did all that it does. `gone`: the peer left before. */
  outcome: 'running' | 'answered' | 'gone' = 'running';
  readonly #digest: Hash = createHash('sha256');
  #kept: Buffer[] = [];

  constructor(
    facts: Pick<
      LedgerEntry,
      | 'requestId'
      | 'connection'
      | 'indexOnConnection'
      | 'method'
      | 'target'
      | 'fault'
      | 'nonce'
      | 'credential'
      | 'rawHeaders'
    >,
  ) {
    this.requestId = facts.requestId;
    this.connection = facts.connection;
    this.indexOnConnection = facts.indexOnConnection;
    this.method = facts.method;
    this.target = facts.target;
    this.fault = facts.fault;
    this.nonce = facts.nonce;
    this.credential = facts.credential;
    this.rawHeaders = facts.rawHeaders;
  }

  /** Body bytes that went out. */
  sent(bytes: Buffer): void {
    this.bytesSent += bytes.length;
    this.#digest.update(bytes);
    if (this.bytesSent <= MAX_KEPT_BYTES) this.#kept.push(bytes);
    else this.#kept = [];
  }

  /** The body as it was sent; `undefined` when it was too long to be kept. */
  get body(): Buffer | undefined {
    return this.bytesSent <= MAX_KEPT_BYTES ? Buffer.concat(this.#kept) : undefined;
  }

  /** Highest figures so far; `final` when no more follow. */
  bill(input: number, output: number, final: boolean): void {
    this.billed.input = Math.max(this.billed.input, input);
    this.billed.output = Math.max(this.billed.output, output);
    this.final ||= final;
  }

  end(outcome: 'answered' | 'gone'): void {
    if (this.outcome !== 'running') return;
    this.outcome = outcome;
    this.endedAt = performance.now();
  }

  toJSON(): object {
    return Object.assign({}, this, { sha256: this.#digest.copy().digest('hex') });
  }
}

/** All requests of one upstream in the order in which they came. */
export class Ledger {
  readonly entries: LedgerEntry[] = [];
  /** What went wrong in the upstream itself. A test that closes it fails with the first one. */
  readonly failures: unknown[] = [];
  /** Connections accepted so far. */
  connections = 0;
  /** Requests per connection, by its number. */
  readonly requestsOn: number[] = [];

  byNonce(nonce: string): LedgerEntry[] {
    return this.entries.filter((entry) => entry.nonce === nonce);
  }

  byRequestId(id: string): LedgerEntry | undefined {
    return this.entries.find((entry) => entry.requestId === id);
  }

  /** Entries whose connection served another request after them. Empty for faults that spoil a connection. */
  reusedAfter(isFaulty: (entry: LedgerEntry) => boolean): LedgerEntry[] {
    return this.entries.filter(
      (entry) => isFaulty(entry) && this.requestsOn[entry.connection]! > entry.indexOnConnection + 1,
    );
  }
}
