import type { Socket } from 'node:net';
import { buildConnector, Client, type Dispatcher, Pool } from 'undici';
import { sharedLookup } from './lookup.ts';

/** undici closes idle sockets this much before the upstream said that it would: a request must not meet a closing one. */
const KEEP_ALIVE_MARGIN_MS = 4_000;
const IDLE_SOCKET_MS = 60_000;
/** Answer headers larger than this are refused (U16). */
const MAX_ANSWER_HEADER_BYTES = 16 * 1024;

export interface TransportOptions {
  /** Checked `http(s)` URL; its path is the prefix of every request. */
  readonly baseUrl: string;
  /** Milliseconds for TCP and TLS together. */
  readonly connectTimeoutMs: number;
}

/** What one request to an upstream consists of. The origin is not part of it: a transport has just one. */
export interface OutgoingRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | null;
}

/**
 * Connections to one configured origin. A path is given by the router's own code and checked against the origin once, at
 * the start; of a request only the query can differ, and that stands behind the `?`.
 */
export class Transport {
  readonly origin: string;
  readonly #basePath: string;
  readonly #options: Client.Options;
  readonly #pool: Pool;
  /** Checked paths. Few: only the router's own code asks. */
  readonly #paths = new Map<string, string>();

  constructor(options: TransportOptions) {
    const url = new URL(options.baseUrl);
    this.origin = url.origin;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    const connect = buildConnector({
      timeout: options.connectTimeoutMs,
      lookup: sharedLookup(),
      // Said here, so that neither NODE_TLS_REJECT_UNAUTHORIZED nor --tls-min-v1.0 can take it back (S30).
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
    });
    this.#options = {
      // Thinking may take longer than undici's 300 s between bytes. The relay keeps the time limits itself.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_SOCKET_MS,
      keepAliveTimeoutThreshold: KEEP_ALIVE_MARGIN_MS,
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
      pipelining: 1,
      allowH2: false,
      connect: (target, done) => {
        connect(target, (...result) => {
          const socket = result[1];
          if (socket) rememberReuse(socket);
          done(...result);
        });
      },
    };
    this.#pool = new Pool(this.origin, this.#options);
  }

  /** Joins a path of ours to the configured prefix. Throws when the result would leave the origin (13.1 A1). */
  pathOf(path: string): string {
    const known = this.#paths.get(path);
    if (known !== undefined) return known;
    const joined = this.#basePath + path;
    const url = new URL(joined, this.origin);
    if (!path.startsWith('/') || url.origin !== this.origin || url.pathname !== joined) {
      throw new Error(`the path ${path} does not stay below the upstream's base URL`);
    }
    this.#paths.set(path, joined);
    return joined;
  }

  dispatch(request: OutgoingRequest, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(request, handler);
  }

  /** As `dispatch`, on a connection made for this one request. */
  dispatchFresh(request: OutgoingRequest, handler: Dispatcher.DispatchHandler): void {
    const client = new Client(this.origin, this.#options);
    client.dispatch({ ...request, reset: true }, handler);
    // Waits for the request to end.
    void client.close();
  }

  /** Ends idle connections; running requests are cut. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

const READ_BEFORE = Symbol('bytes that a socket had read when it failed');

/**
 * A request on a kept connection may meet a socket that the upstream is just closing. Nothing was executed then, which an
 * error alone does not tell: what the socket had read before does. undici passes the error object on as it is.
 */
function rememberReuse(socket: Socket): void {
  socket.prependListener('error', (error: Error & { [READ_BEFORE]?: number }) => {
    error[READ_BEFORE] = socket.bytesRead;
  });
}

/** Whether a request failed because a kept connection was closed under it, before any byte of an answer. */
export function metClosingSocket(error: Error): boolean {
  const details = error as Error & { code?: string; socket?: { bytesRead?: number }; [READ_BEFORE]?: number };
  const closed = details.code === 'UND_ERR_SOCKET' || details.code === 'ECONNRESET' || details.code === 'EPIPE';
  return closed && (details.socket?.bytesRead ?? details[READ_BEFORE] ?? 0) > 0;
}
