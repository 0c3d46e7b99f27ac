import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ByteReader, CutError } from './byte-reader.ts';
import type { Cleanup } from './temp.ts';

/** A request to spell out. Nothing is added but `host` and, with a body, `content-length`; named headers replace these. */
export interface RawRequest {
  readonly method?: string;
  /** The request target, exactly as it will stand in the request line. */
  readonly target?: string;
  /** Names and values in turn: order, case and repetition are kept. */
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
}

/** Status line and headers of an answer. */
export class RawHead {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];

  constructor(lines: readonly string[]) {
    const [, status, reason = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(lines[0] ?? '') ?? [];
    if (status === undefined) throw new Error(`no status line: ${lines[0]}`);
    this.status = Number(status);
    this.reason = reason;
    this.rawHeaders = lines.slice(1).flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  }

  /** All values of a header. */
  headers(name: string): string[] {
    return this.rawHeaders.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === name.toLowerCase());
  }

  /** The only or first value of a header. */
  header(name: string): string | undefined {
    return this.headers(name)[0];
  }
}

/** A whole answer. */
export interface RawAnswer {
  readonly head: RawHead;
  readonly status: number;
  /** Without its chunk framing. */
  readonly body: Buffer;
  /** `cut`: the connection ended before the end that the framing promised. */
  readonly end: 'clean' | 'cut';
}

/** One connection. Answers are read in the order of the requests; nothing is read before somebody asks for it. */
export class RawConnection {
  readonly socket: Socket;
  readonly #host: string;
  readonly #reader: ByteReader;
  readonly #methods: string[] = [];

  constructor(socket: Socket, host: string) {
    this.socket = socket;
    this.#host = host;
    this.#reader = new ByteReader(socket);
    // A reset reaches whoever reads; without a listener it would end the process.
    socket.on('error', () => {});
  }

  /** Sends exactly these bytes, and waits for room in the buffers or the end of the connection. */
  async send(bytes: string | Uint8Array): Promise<void> {
    if (this.socket.write(bytes) || this.socket.destroyed) return;
    const settled = new AbortController();
    const { signal } = settled;
    await Promise.race([once(this.socket, 'drain', { signal }), once(this.socket, 'close', { signal })]);
    settled.abort();
  }

  /** Sends one request. */
  async request(request: RawRequest): Promise<void> {
    this.#methods.push(request.method ?? 'GET');
    await this.send(requestBytes(this.#host, request));
  }

  /** The next head, interim ones (1xx) skipped. Rejects with `CutError` when the connection ends before it. */
  async head(): Promise<RawHead> {
    for (;;) {
      const lines: string[] = [];
      for (let line = await this.#line(); line !== ''; line = await this.#line()) lines.push(line);
      const head = new RawHead(lines);
      if (head.status >= 200) return head;
    }
  }

  /** The body that follows `head`, piece by piece as it arrives. Throws `CutError` when it has no end. */
  async *body(head: RawHead): AsyncGenerator<Buffer, void> {
    const method = this.#methods.shift();
    if (method === 'HEAD' || head.status === 204 || head.status === 304) return;
    const length = head.header('content-length');
    if (head.header('transfer-encoding')?.toLowerCase() === 'chunked') yield* this.#chunked();
    else if (length !== undefined) yield* this.#exactly(Number(length));
    else for (let piece = await this.#some(); piece; piece = await this.#some()) yield piece;
  }

  /** The next answer, whole. */
  async answer(): Promise<RawAnswer> {
    const head = await this.head();
    const pieces: Buffer[] = [];
    let end: RawAnswer['end'] = 'clean';
    try {
      for await (const piece of this.body(head)) pieces.push(piece);
    } catch (error) {
      if (!(error instanceof CutError)) throw error;
      end = 'cut';
    }
    return { head, status: head.status, body: Buffer.concat(pieces), end };
  }

  /** Goes away without a word. */
  destroy(): void {
    this.socket.destroy();
  }

  async *#chunked(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const line = await this.#line();
      const size = Number.parseInt(line, 16);
      if (!(size >= 0)) throw new Error(`no chunk size: ${JSON.stringify(line)}`);
      if (size === 0) break;
      yield* this.#exactly(size);
      await this.#line();
    }
    while ((await this.#line()) !== '');
  }

  async *#exactly(count: number): AsyncGenerator<Buffer, void> {
    for (let left = count; left > 0; ) {
      const piece = await this.#some(left);
      if (!piece) throw new CutError(`${left} bytes are missing`);
      left -= piece.length;
      yield piece;
    }
  }

  async #line(): Promise<string> {
    const line = await resetIsCut(this.#reader.line());
    if (line === undefined) throw new CutError('before a line');
    return line;
  }

  #some(most?: number): Promise<Buffer | undefined> {
    return resetIsCut(this.#reader.some(most));
  }
}

/** Opens a connection to the host and port of `url`, closed with the test. */
export async function openRaw(t: Cleanup, url: string): Promise<RawConnection> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  t.after(() => void socket.destroy());
  await once(socket, 'connect');
  return new RawConnection(socket, host);
}

/** One request on a connection of its own, and its whole answer. */
export async function exchange(t: Cleanup, url: string, request: RawRequest): Promise<RawAnswer> {
  const connection = await openRaw(t, url);
  await connection.request(request);
  const answer = await connection.answer();
  connection.destroy();
  return answer;
}

function requestBytes(host: string, { method = 'GET', target = '/', headers = [], body }: RawRequest): Buffer {
  const named = new Set(headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
  const all = named.has('host') ? [...headers] : ['host', host, ...headers];
  const bytes = Buffer.from(body ?? '');
  const framed = named.has('content-length') || named.has('transfer-encoding');
  if (body !== undefined && !framed) all.push('content-length', String(bytes.length));
  const lines = all.map((name, i) => (i % 2 === 0 ? `${name}: ${all[i + 1]}\r\n` : ''));
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes]);
}

async function resetIsCut<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') {
      throw new CutError('reset by the peer', { cause: error });
    }
    throw error;
  }
}
