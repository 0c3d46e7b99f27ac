/** One request as it stood on the wire. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case; of a repeated header, the first value. */
  readonly headers: ReadonlyMap<string, string>;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Bytes that the body will have, by `content-length`. */
  readonly length: number;
}

export interface RequestEvents {
  onHead(request: WireRequest): void;
  onBody(bytes: Buffer): void;
  /** The body is complete. */
  onEnd(): void;
}

/** Takes requests with a `content-length` out of the bytes of one connection. Throws at what the router must never send. */
export class RequestReader {
  readonly #events: RequestEvents;
  #head: Buffer = Buffer.alloc(0);
  /** Bytes of a body that are still to come. `undefined`: a head is being read. */
  #left: number | undefined;

  constructor(events: RequestEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    for (let bytes = chunk; bytes.length > 0; )
      bytes = this.#left === undefined ? this.#readHead(bytes) : this.#readBody(bytes);
  }

  #readHead(chunk: Buffer): Buffer {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#head = bytes;
      return Buffer.alloc(0);
    }
    this.#head = Buffer.alloc(0);
    const request = parseHead(bytes.toString('latin1', 0, end));
    this.#left = request.length;
    this.#events.onHead(request);
    if (request.length === 0) this.#finish();
    return bytes.subarray(end + 4);
  }

  #readBody(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, this.#left);
    this.#left! -= taken.length;
    this.#events.onBody(taken);
    if (this.#left === 0) this.#finish();
    return bytes.subarray(taken.length);
  }

  #finish(): void {
    this.#left = undefined;
    this.#events.onEnd();
  }
}

function parseHead(text: string): WireRequest {
  const [first = '', ...lines] = text.split('\r\n');
  const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(first) ?? [];
  if (method === undefined || target === undefined) throw new Error(`no request line: ${first.slice(0, 80)}`);
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const headers = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!headers.has(name)) headers.set(name, rawHeaders[i + 1]!);
  }
  if (headers.has('transfer-encoding')) throw new Error('a request with a transfer coding');
  return { method, target, headers, rawHeaders, length: Number(headers.get('content-length') ?? 0) };
}
