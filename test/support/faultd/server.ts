import { once, setMaxListeners } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Call, GoneError } from './call.ts';
import type { Fault } from './fault.ts';
import { faults } from './faults/index.ts';
import { Ledger, LedgerEntry } from './ledger.ts';
import { seeded } from './random.ts';
import { RequestReader, type WireRequest } from './request-reader.ts';

/** A fault that goes on for so long after its connection was closed is an error of its own. Milliseconds. */
const STUCK_MS = 10_000;

export interface FaultdOptions {
  /** Of everything random in the answers. Default 1. */
  readonly seed?: number;
  readonly port?: number;
  readonly host?: string;
  /** The fault of requests that name none. Default `good`. */
  readonly fault?: string;
  /** Milliseconds after an answer at which an idle connection is closed, by a FIN and by a reset in turn. Default: never. */
  readonly idleMs?: number;
  /** Faults of one test, beside the listed ones. */
  readonly faults?: Readonly<Record<string, Fault>>;
  /** Called with each entry when its answer has ended. */
  readonly onEntry?: (entry: LedgerEntry) => void;
}

/**
 * A fake upstream of the Messages API on bare TCP. A request chooses what goes wrong: by the header `x-fault` or the query
 * parameter `fault`, both of which a router passes on. Their value is a name in `faults/`; parameters follow as in a query
 * (`x-fault: cut&at=3&how=rst`, `/v1/messages?fault=cut&at=3`).
 */
export class Faultd {
  readonly ledger = new Ledger();
  readonly #options: FaultdOptions;
  readonly #faults: Readonly<Record<string, Fault>>;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #prefix = Math.random().toString(36).slice(2, 8);
  readonly #running = new Set<Promise<void>>();

  constructor(options: FaultdOptions = {}) {
    this.#options = options;
    this.#faults = { ...faults, ...options.faults };
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port ?? 0, this.#options.host ?? '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Cuts what is running. Throws the first thing that went wrong in the upstream itself. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    const stuck = setTimeout(() => {
      const names = this.ledger.entries.filter(({ outcome }) => outcome === 'running').map(({ fault }) => fault);
      throw new Error(`faults do not end: ${names.join()}`);
    }, STUCK_MS);
    await Promise.all(this.#running);
    clearTimeout(stuck);
    if (this.ledger.failures.length > 0) throw this.ledger.failures[0];
  }

  #accept(socket: Socket): void {
    const connection = this.ledger.connections++;
    this.ledger.requestsOn[connection] = 0;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    const gone = new AbortController();
    // One listener per request that waits: more than Node finds usual.
    setMaxListeners(0, gone.signal);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
      clearTimeout(idle);
    });
    let entry: LedgerEntry | undefined;
    let complete = () => {};
    let idle: NodeJS.Timeout | undefined;
    let previous = Promise.resolve();
    const closeIdle = () => (connection % 2 === 0 ? socket.destroy() : socket.resetAndDestroy());
    const reader = new RequestReader({
      onHead: (request) => {
        clearTimeout(idle);
        const { promise, resolve } = Promise.withResolvers<void>();
        complete = resolve;
        const call = this.#call(request, connection, { socket, received: promise, gone: gone.signal });
        entry = call.entry;
        // Answers of one connection go out in order.
        previous = previous.then(async () => {
          await this.#answer(call);
          if (this.#options.idleMs !== undefined) idle = setTimeout(closeIdle, this.#options.idleMs);
        });
        this.#running.add(previous);
        void previous.finally(() => this.#running.delete(previous));
      },
      onBody: (bytes) => {
        entry!.bytesReceived += bytes.length;
      },
      onEnd: () => {
        entry!.received = true;
        complete();
      },
    });
    socket.on('data', (bytes: Buffer) => {
      try {
        reader.push(bytes);
      } catch (error) {
        this.ledger.failures.push(error);
        socket.destroy();
      }
    });
    // No client of ours closes one direction only: a FIN means that nobody waits for the answer.
    socket.on('end', () => socket.destroy());
  }

  #call(request: WireRequest, connection: number, live: Pick<Call, 'socket' | 'received' | 'gone'>): Call {
    const serial = this.ledger.entries.length;
    const params = paramsOf(request, this.#options.fault ?? 'good');
    const entry = new LedgerEntry({
      requestId: `up_${this.#prefix}_${serial}`,
      connection,
      indexOnConnection: this.ledger.requestsOn[connection]!++,
      method: request.method,
      target: request.target,
      fault: params.get('fault')!,
      nonce: request.headers.get('x-nonce') ?? null,
      credential:
        request.headers.get('x-api-key') ??
        /^Bearer (.*)/.exec(request.headers.get('authorization') ?? '')?.[1] ??
        null,
      rawHeaders: request.rawHeaders,
    });
    this.ledger.entries.push(entry);
    const random = seeded((this.#options.seed ?? 1) * 1_000_003 + serial);
    return new Call({ request, entry, params, random, ...live });
  }

  async #answer(call: Call): Promise<void> {
    const { entry, socket } = call;
    try {
      const fault = this.#faults[entry.fault];
      if (!fault) throw new Error(`there is no fault ${entry.fault}`);
      if (!fault.early) await call.receive();
      await fault.run(call);
      entry.end('answered');
    } catch (error) {
      entry.end('gone');
      if (!(error instanceof GoneError)) {
        this.ledger.failures.push(error);
        socket.destroy();
      }
    }
    this.#options.onEntry?.(entry);
  }
}

function paramsOf(request: WireRequest, fallback: string): URLSearchParams {
  const named = request.headers.get('x-fault');
  const params = new URLSearchParams(named === undefined ? request.target.split('?')[1] : `fault=${named}`);
  if (!params.has('fault')) params.set('fault', fallback);
  return params;
}
