import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** How bytes are laid on the wire: in pieces of `size` bytes (default: one piece), `pauseMs` apart. */
export interface Pace {
  readonly size?: number;
  readonly pauseMs?: number;
}

/** A flat list of names and values keeps their order and repeated names. */
export type ReplyHeaders = Record<string, string> | string[];

/**
 * What a scripted upstream answers with. Every method that writes resolves when the kernel has the bytes, and rejects when the
 * peer is gone.
 */
export class Reply {
  readonly #response: ServerResponse;
  /** A response lets go of its connection when it ends. */
  readonly #socket: Socket | null;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#socket = response.socket;
  }

  /** Sends nothing yet: the head goes out with the first bytes, or with `flush`. */
  head(status: number, headers: ReplyHeaders = {}): this {
    this.#response.writeHead(status, headers);
    return this;
  }

  /** Sends the head on its own. */
  flush(): this {
    this.#response.flushHeaders();
    return this;
  }

  async write(bytes: string | Uint8Array, { size, pauseMs }: Pace = {}): Promise<void> {
    const whole = Buffer.from(bytes);
    const step = size ?? Math.max(whole.length, 1);
    for (let at = 0; at < whole.length; at += step) {
      if (at > 0 && pauseMs !== undefined) await pause(pauseMs);
      await this.#settled((done) => this.#response.write(whole.subarray(at, at + step), done));
    }
  }

  async end(bytes: string | Uint8Array = '', pace?: Pace): Promise<void> {
    await this.write(bytes, pace);
    await this.#settled((done) => this.#response.end(done));
  }

  /** A whole answer in JSON, with its length. */
  async json(status: number, body: string, headers: Record<string, string> = {}): Promise<void> {
    const length = String(Buffer.byteLength(body));
    this.head(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
    await this.end(body);
  }

  /** Head of an event stream and these events, one write each. `end`, `cut` or `hang` comes after it. */
  async events(events: readonly string[], { pauseMs, headers }: Pace & { headers?: Record<string, string> } = {}) {
    this.head(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
    for (const [index, event] of events.entries()) {
      if (index > 0 && pauseMs !== undefined) await pause(pauseMs);
      await this.write(event);
    }
  }

  /** A whole event stream. */
  async stream(events: readonly string[], options?: Pace & { headers?: Record<string, string> }): Promise<void> {
    await this.events(events, options);
    await this.end();
  }

  /** Closes the connection where it stands: the peer sees an answer without its end. */
  cut(): void {
    this.#socket?.destroy();
  }

  /** The first `count` bytes, then `cut`. */
  async cutAfter(bytes: string | Uint8Array, count: number, pace?: Pace): Promise<void> {
    await this.write(Buffer.from(bytes).subarray(0, count), pace);
    this.cut();
  }

  /** Closes the connection with a TCP reset. Bytes that the peer has not read may be lost. */
  reset(): void {
    this.#socket?.resetAndDestroy();
  }

  /** Says nothing more until the peer goes away. */
  async hang(): Promise<void> {
    if (!this.#response.closed) await once(this.#response, 'close');
  }

  /** Bytes on the bare connection, past all framing; `head` and `write` must not be used with it. */
  async raw(bytes: string | Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (!socket) throw new Error('the peer is gone');
    await this.#settled((done) => socket.write(bytes, done));
  }

  /** Ends the bare connection after `raw`. */
  rawEnd(): void {
    this.#socket?.end();
  }

  #settled(write: (done: (error?: Error | null) => void) => void): Promise<void> {
    const response = this.#response;
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('the peer is gone'));
      if (response.closed) return gone();
      // A callback of `write` or `end` is not promised to run once the connection is destroyed.
      response.once('close', gone);
      write((error) => {
        response.off('close', gone);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
