import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Reply } from './reply.ts';
import type { Cleanup } from './temp.ts';

/** One request as the upstream got it. */
export class RecordedRequest {
  readonly method: string;
  /** As it stood in the request line. */
  readonly url: string;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  /** Number of the connection that it came on, from 0. */
  readonly connection: number;
  /** `performance.now()` at which the peer left before the answer had ended. */
  goneAt: number | undefined;
  /** Resolves when the connection or the answer has ended; `goneAt` then says which. */
  readonly closed: Promise<void>;
  readonly #message: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  #received: Promise<boolean> | undefined;

  constructor(message: IncomingMessage, response: ServerResponse, connection: number) {
    this.#message = message;
    this.method = message.method ?? '';
    this.url = message.url ?? '';
    this.rawHeaders = message.rawHeaders;
    this.connection = connection;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    response.once('close', () => {
      if (!response.writableFinished) this.goneAt = performance.now();
      resolve();
    });
  }

  /** The body bytes that have arrived. */
  get body(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get json(): unknown {
    return JSON.parse(this.body.toString());
  }

  /** All values of a header. */
  headers(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.rawHeaders.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === wanted);
  }

  /** The only or first value of a header. */
  header(name: string): string | undefined {
    return this.headers(name)[0];
  }

  /** Reads the body to its end. `false`: the peer left before. */
  receive(): Promise<boolean> {
    this.#received ??= this.#read();
    return this.#received;
  }

  async #read(): Promise<boolean> {
    try {
      for await (const chunk of this.#message) this.#chunks.push(Buffer.from(chunk));
    } catch {
      return false;
    }
    return this.#message.complete;
  }
}

export type Script = (request: RecordedRequest, reply: Reply) => void | Promise<void>;

export interface UpstreamOptions {
  /** When the script starts. After `head` it calls `request.receive()` itself; until then the body stays unread. */
  readonly scriptAfter?: 'head' | 'body';
}

/** A real HTTP server that answers from a script and keeps what it was asked. */
export class ScriptedUpstream {
  readonly requests: RecordedRequest[] = [];
  /** What scripts threw while the peer was still there. Closing throws the first one. */
  readonly failures: unknown[] = [];
  /** Takes effect with the next request. */
  script: Script;
  readonly #server: Server;
  readonly #options: UpstreamOptions;
  readonly #arrivals = new EventEmitter();
  #connections = 0;

  constructor(script: Script, options: UpstreamOptions) {
    this.script = script;
    this.#options = options;
    const numbers = new WeakMap<object, number>();
    this.#server = createServer((message, response) => {
      const request = new RecordedRequest(message, response, numbers.get(message.socket) ?? -1);
      this.requests.push(request);
      this.#arrivals.emit('request');
      void this.#answer(request, response);
    });
    this.#server.on('connection', (socket) => numbers.set(socket, this.#connections++));
  }

  /** `http://127.0.0.1:PORT` */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the upstream does not listen');
    return address.port;
  }

  /** Connections accepted until now. */
  get connections(): number {
    return this.#connections;
  }

  /** The request number `index`, from 0: waits until it has arrived. Its body may still be on the way. */
  async request(index: number): Promise<RecordedRequest> {
    for (;;) {
      const request = this.requests[index];
      if (request) return request;
      await once(this.#arrivals, 'request');
    }
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    if (this.failures.length > 0) throw this.failures[0];
  }

  async #answer(request: RecordedRequest, response: ServerResponse): Promise<void> {
    if (this.#options.scriptAfter !== 'head' && !(await request.receive())) return;
    try {
      await this.script(request, new Reply(response));
    } catch (error) {
      if (!response.destroyed) this.failures.push(error);
      response.destroy();
    }
  }
}

/** Starts an upstream on a free port of 127.0.0.1, closed with the test. A script that threw fails the test. */
export async function startUpstream(
  t: Cleanup,
  script: Script,
  options: UpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const upstream = new ScriptedUpstream(script, options);
  await upstream.listen();
  t.after(() => upstream.close());
  return upstream;
}
