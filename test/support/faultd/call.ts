import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerEntry } from './ledger.ts';
import type { Random } from './random.ts';
import type { WireRequest } from './request-reader.ts';

/** The peer left in the middle of an answer. */
export class GoneError extends Error {}

/** One request and the bare connection to answer it on. What writes resolves when the kernel has taken the bytes. */
export class Call {
  readonly request: WireRequest;
  readonly entry: LedgerEntry;
  /** What stands behind the name of the fault. */
  readonly params: URLSearchParams;
  readonly random: Random;
  readonly socket: Socket;
  /** Resolves when the request's body has come, and never if it does not: see `receive`. */
  readonly received: Promise<void>;
  /** Aborted when the connection is closed. */
  readonly gone: AbortSignal;
  #chunked = false;

  constructor(parts: Pick<Call, 'request' | 'entry' | 'params' | 'random' | 'socket' | 'received' | 'gone'>) {
    this.request = parts.request;
    this.entry = parts.entry;
    this.params = parts.params;
    this.random = parts.random;
    this.socket = parts.socket;
    this.received = parts.received;
    this.gone = parts.gone;
  }

  /** A numeric parameter. */
  number(name: string, fallback: number): number {
    return Number(this.params.get(name) ?? fallback);
  }

  /** Bytes past all framing. */
  async raw(bytes: string | Uint8Array): Promise<void> {
    if (this.socket.destroyed) throw new GoneError();
    if (this.socket.write(bytes)) return;
    await this.#while(once(this.socket, 'drain', { signal: this.gone }));
  }

  /** A head. `framing`: chunked, up to the end of the connection, or a length in bytes. */
  async head(
    status: number,
    headers: readonly string[],
    framing: 'chunked' | 'close' | number = 'chunked',
  ): Promise<void> {
    this.#chunked = framing === 'chunked';
    const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? 'Whatever'}`, `request-id: ${this.entry.requestId}`];
    for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
    if (framing === 'chunked') lines.push('transfer-encoding: chunked');
    else if (framing === 'close') lines.push('connection: close');
    else lines.push(`content-length: ${framing}`);
    await this.raw(`${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Body bytes, in one chunk where the answer is chunked. */
  async body(bytes: string | Uint8Array): Promise<void> {
    const buffer = Buffer.from(bytes);
    this.entry.sent(buffer);
    if (!this.#chunked) return this.raw(buffer);
    await this.raw(Buffer.concat([Buffer.from(`${buffer.length.toString(16)}\r\n`), buffer, Buffer.from('\r\n')]));
  }

  /** The end that the framing asks for. */
  async end(): Promise<void> {
    if (this.#chunked) await this.raw('0\r\n\r\n');
  }

  /** Head of an event stream. */
  async streamHead(framing: 'chunked' | 'close' | number = 'chunked', headers: readonly string[] = []): Promise<void> {
    await this.head(
      200,
      ['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache', ...headers],
      framing,
    );
  }

  /** A whole answer with its length. */
  async answer(
    status: number,
    type: string,
    body: string | Uint8Array,
    headers: readonly string[] = [],
  ): Promise<void> {
    const bytes = Buffer.from(body);
    await this.head(status, ['content-type', type, ...headers], bytes.length);
    await this.body(bytes);
  }

  /** Waits for the request's body. */
  async receive(): Promise<void> {
    if (this.entry.received) return;
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const leave = () => resolve();
    this.gone.addEventListener('abort', leave);
    await Promise.race([this.received, left]);
    this.gone.removeEventListener('abort', leave);
    if (!this.entry.received) throw new GoneError();
  }

  async sleep(milliseconds: number): Promise<void> {
    await this.#while(pause(milliseconds, undefined, { signal: this.gone }));
  }

  /** Says nothing more until the peer goes away. */
  async hang(): Promise<never> {
    if (!this.gone.aborted) await once(this.gone, 'abort');
    throw new GoneError();
  }

  /** Ends the connection: with a FIN, with a reset, or with a FIN while the other direction stays open. */
  cut(how: string = 'fin'): void {
    if (how === 'rst') this.socket.resetAndDestroy();
    else if (how === 'half') this.socket.end();
    else this.socket.destroySoon();
  }

  async #while(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      // A reset is an error of the socket before it is closed.
      if (this.gone.aborted || this.socket.destroyed || this.socket.errored) throw new GoneError();
      throw error;
    }
  }
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  302: 'Found',
  307: 'Temporary Redirect',
  401: 'Unauthorized',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  529: 'Overloaded',
};
