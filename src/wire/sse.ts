const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const NOTHING = Buffer.alloc(0);

/** Bytes of one event, from its first `data` field to its end, or of one line, above which it is skipped. */
export const MAX_EVENT_BYTES = 1_048_576;

/**
 * `name` is the value of the last `event` field, `''` without one. `data` decodes the data, and only works until the
 * listener returns. `dataBytes` is the length of the data as it came, line ends between data lines included.
 */
export type SseListener = (name: string, data: () => string, dataBytes: number) => void;

/**
 * Finds the events in a stream of bytes that goes somewhere else: it copies nothing but the start of an event whose end
 * has not come yet, and never throws of its own.
 *
 * Grammar: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class SseScanner {
  readonly #onEvent: SseListener;
  readonly #maxEventBytes: number;
  readonly #data = (): string => this.#decode();

  /** The start of an unfinished event, and how much of the buffer it fills. */
  #carry: Buffer = NOTHING;
  #used = 0;
  /** What the offsets below point into, while `push` runs; afterwards they point into `#carry`. */
  #bytes: Buffer = NOTHING;
  #line = 0;
  #seek = 0;
  #firstLine = true;
  /** The last chunk ended with a CR: an LF that comes next belongs to it. */
  #afterCr = false;
  #lastLineBlank = true;

  #name = '';
  #cachedName = '';
  #dataStart = -1;
  #dataEnd = -1;
  #dataBytes = 0;
  /** Start and end of every data line after the first. */
  #moreData: number[] | undefined;

  #atBoundary = true;
  /** Inside an event that is too large: nothing of it is kept, only its end is looked for. */
  #skipping = false;
  /** While skipping: the present line has no byte yet. */
  #emptyLine = false;
  #skippedBytes = 0;

  constructor(onEvent: SseListener, maxEventBytes = MAX_EVENT_BYTES) {
    this.#onEvent = onEvent;
    this.#maxEventBytes = maxEventBytes;
  }

  /**
   * The bytes so far end exactly after a complete event, or none came: another event may be written here. `false` after a
   * CR, which may be half of a CRLF.
   */
  get atBoundary(): boolean {
    return this.#atBoundary;
  }

  /** Bytes of events that were too large, which no listener heard of. What follows such an event is read again. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const bytes = this.#join(chunk);
    if (this.#skipping) return this.#skip(bytes, 0);
    this.#bytes = bytes;
    const end = bytes.length;
    let line = this.#line;
    let seek = this.#seek;
    let start = 0;
    if (this.#afterCr) {
      this.#afterCr = false;
      if (bytes[line] === LF) {
        if (line === 0) start = 1;
        line = seek = line + 1;
      }
    }
    // Each kind of line end is looked for once per stretch without one, so that a stream of only CRs stays linear.
    let lf = find(bytes, LF, seek);
    let cr = find(bytes, CR, seek);
    for (;;) {
      const stop = lf < cr ? lf : cr;
      if (stop - start > this.#maxEventBytes) return this.#startSkipping(bytes, start, line, stop);
      if (stop === end) break;
      let next = stop + 1;
      if (stop === cr) {
        if (next === end) this.#afterCr = true;
        else if (bytes[next] === LF) next += 1;
      }
      if (this.#endLine(line, stop)) start = next;
      line = seek = next;
      if (cr < next) cr = find(bytes, CR, next);
      if (lf < next) lf = next < end && bytes[next] === LF ? next : find(bytes, LF, next);
    }
    this.#atBoundary = line === end && this.#lastLineBlank && !this.#afterCr;
    this.#keep(start, line);
  }

  /** Reads one line, and says whether nothing up to its end is needed any more. */
  #endLine(from: number, stop: number): boolean {
    let start = from;
    if (this.#firstLine) {
      this.#firstLine = false;
      start = skipBom(this.#bytes, from);
    }
    this.#lastLineBlank = start === stop;
    if (start === stop) {
      if (this.#dataStart !== -1) this.#onEvent(this.#name, this.#data, this.#dataBytes);
      this.#name = '';
      this.#dataStart = -1;
      this.#moreData = undefined;
      return true;
    }
    const bytes = this.#bytes;
    if (isField(bytes, start, stop, 'data')) {
      this.#addData(valueStart(bytes, start + 4, stop), stop);
    } else if (isField(bytes, start, stop, 'event')) {
      this.#name = this.#readName(valueStart(bytes, start + 5, stop), stop);
    }
    return this.#dataStart === -1;
  }

  #addData(start: number, end: number): void {
    if (this.#dataStart === -1) {
      this.#dataStart = start;
      this.#dataEnd = end;
      this.#dataBytes = end - start;
    } else {
      this.#moreData ??= [];
      this.#moreData.push(start, end);
      this.#dataBytes += 1 + end - start;
    }
  }

  #readName(start: number, end: number): string {
    const cached = this.#cachedName;
    // Names repeat: a look at the bytes is cheaper than a new string.
    if (cached.length !== end - start || !isAscii(this.#bytes, start, cached)) {
      this.#cachedName = this.#bytes.toString('utf8', start, end);
    }
    return this.#cachedName;
  }

  #decode(): string {
    let text = this.#bytes.toString('utf8', this.#dataStart, this.#dataEnd);
    const more = this.#moreData ?? [];
    for (let i = 0; i < more.length; i += 2) text += `\n${this.#bytes.toString('utf8', more[i], more[i + 1])}`;
    return text;
  }

  #join(chunk: Uint8Array): Buffer {
    if (this.#used === 0) {
      return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    const length = this.#used + chunk.length;
    if (length > this.#carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#carry.length));
      this.#carry.copy(larger, 0, 0, this.#used);
      this.#carry = larger;
    }
    this.#carry.set(chunk, this.#used);
    this.#used = length;
    return this.#carry.subarray(0, length);
  }

  /** Keeps the bytes from `start` on, and turns all offsets to count from there. */
  #keep(start: number, line: number): void {
    const bytes = this.#bytes;
    const length = bytes.length - start;
    this.#bytes = NOTHING;
    this.#line = line - start;
    this.#seek = length;
    if (length > 0 && start === 0 && this.#used > 0) return;
    this.#used = length;
    this.#carry = NOTHING;
    if (length === 0) return;
    this.#carry = Buffer.allocUnsafe(length);
    bytes.copy(this.#carry, 0, start);
    if (this.#dataStart !== -1) {
      this.#dataStart -= start;
      this.#dataEnd -= start;
      this.#moreData = this.#moreData?.map((offset) => offset - start);
    }
  }

  #startSkipping(bytes: Buffer, start: number, line: number, at: number): void {
    this.#skipping = true;
    this.#emptyLine = line === at;
    this.#skippedBytes += at - start;
    this.#atBoundary = this.#firstLine = false;
    this.#line = this.#seek = this.#used = 0;
    this.#carry = this.#bytes = NOTHING;
    this.#name = '';
    this.#dataStart = -1;
    this.#moreData = undefined;
    this.#skip(bytes, at);
  }

  /** Passes over bytes up to the blank line that ends the event, and reads what follows it. */
  #skip(bytes: Buffer, from: number): void {
    const end = bytes.length;
    let at = from;
    if (this.#afterCr && at < end) {
      this.#afterCr = false;
      if (bytes[at] === LF) at += 1;
    }
    let lf = find(bytes, LF, at);
    let cr = find(bytes, CR, at);
    while (this.#skipping && at < end) {
      const stop = lf < cr ? lf : cr;
      if (stop > at) this.#emptyLine = false;
      at = stop;
      if (stop === end) break;
      at += 1;
      if (stop === cr && at === end) this.#afterCr = true;
      else if (stop === cr && bytes[at] === LF) at += 1;
      this.#skipping = !this.#emptyLine;
      this.#emptyLine = true;
      if (cr < at) cr = find(bytes, CR, at);
      if (lf < at) lf = find(bytes, LF, at);
    }
    this.#skippedBytes += at - from;
    if (this.#skipping) return;
    this.#lastLineBlank = true;
    this.#atBoundary = !this.#afterCr;
    this.push(bytes.subarray(at));
  }
}

/** Like `indexOf`, but the length instead of -1. */
function find(bytes: Buffer, byte: number, from: number): number {
  const index = bytes.indexOf(byte, from);
  return index === -1 ? bytes.length : index;
}

function skipBom(bytes: Buffer, start: number): number {
  return bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf ? start + 3 : start;
}

function isField(bytes: Buffer, start: number, stop: number, name: string): boolean {
  const after = start + name.length;
  return after <= stop && isAscii(bytes, start, name) && (after === stop || bytes[after] === COLON);
}

function isAscii(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const byte = bytes[start + i] ?? 0xff;
    if (byte > 0x7f || byte !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** The value of a field whose name ends at `colon`: after the colon and at most one space. */
function valueStart(bytes: Buffer, colon: number, stop: number): number {
  if (colon === stop) return stop;
  return colon + 1 < stop && bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
}
