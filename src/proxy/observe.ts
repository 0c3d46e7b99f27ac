import { AnthropicStreamReader, PING_EVENT, readMessageUsage } from '../dialects/anthropic/stream.ts';
import { emptyReading, type UsageReading } from '../dialects/usage.ts';
import { headerText, type UpstreamHeaders } from '../http/headers.ts';
import { canDecode, createInflater, type Inflater } from '../wire/content-encoding.ts';

/** Largest non-stream answer of which a copy is kept to read its usage. Bytes. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** Most that a compressed answer is inflated to, to read its usage. Bytes. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * Reads an answer from a copy of its passing bytes. Nothing that it does, and no fault in it, can change or delay the relay.
 */
export interface Observer {
  push(chunk: Buffer): void;
  /** The upstream ended its answer. `done` is called when all of it was read: at once unless it is compressed. */
  end(done: () => void): void;
  /** Drops what is kept. */
  abandon(): void;
  /**
   * Whether the answer is known to be whole. For streams: the event that ends one in this dialect was seen. For others: after
   * `end`; `true` also where the answer cannot be read, so that only the framing of HTTP can tell.
   */
  readonly terminated: boolean;
  /** It is whole, and no answer of this dialect. */
  readonly foreign: boolean;
  /** For streams: whether a whole event of the router may be written now. `false` where the bytes cannot be written to. */
  readonly atBoundary: boolean;
  /** For streams: whether the router may write events into it at all. */
  readonly writable: boolean;
  readonly ping: string;
  readonly reading: UsageReading;
  /** Bytes of generated content seen so far, for an estimate when the upstream reported no figure. */
  readonly visibleBytes: number;
}

/** Chooses how to read an answer of an Anthropic upstream. `generates`: the route makes a model write, so usage is booked. */
export function observeAnthropic(headers: UpstreamHeaders, generates: boolean): Observer {
  const type = headerText(headers['content-type']) ?? '';
  const coding = (headerText(headers['content-encoding']) ?? 'identity').trim().toLowerCase();
  const plain = isEventStream(type) ? new StreamObserver() : generates ? new MessageObserver() : new NullObserver();
  return coding === 'identity' || coding === '' ? plain : new InflatingObserver(plain, coding);
}

/**
 * Whether an answer that is no error can be one of an API: JSON, or an event stream in a coding that can be read. What cannot be
 * read cannot be judged, and no such stream could be told from half of one.
 */
export function isReadable(headers: UpstreamHeaders): boolean {
  const type = headerText(headers['content-type']) ?? '';
  if (isEventStream(type)) return canDecode(headerText(headers['content-encoding']) ?? '');
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type);
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export function isEventStream(contentType: string): boolean {
  return /^text\/event-stream\s*(?:;|$)/i.test(contentType);
}

class StreamObserver implements Observer {
  readonly #reader = new AnthropicStreamReader();
  readonly writable = true;
  readonly foreign = false;
  readonly ping = PING_EVENT;

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  end(done: () => void): void {
    done();
  }

  abandon(): void {}

  get terminated(): boolean {
    return this.#reader.terminated;
  }

  get atBoundary(): boolean {
    return this.#reader.atBoundary;
  }

  get reading(): UsageReading {
    return this.#reader.reading;
  }

  get visibleBytes(): number {
    return this.#reader.visibleBytes;
  }
}

class MessageObserver implements Observer {
  #chunks: Buffer[] = [];
  #size = 0;
  terminated = false;
  foreign = false;
  readonly atBoundary = false;
  readonly writable = false;
  readonly ping = '';
  reading: UsageReading = emptyReading();
  visibleBytes = 0;

  push(chunk: Buffer): void {
    this.#size += chunk.length;
    this.visibleBytes = this.#size;
    if (this.#size <= MAX_KEPT_BYTES) this.#chunks.push(chunk);
    else this.#chunks = [];
  }

  end(done: () => void): void {
    if (this.#size > MAX_KEPT_BYTES) {
      this.terminated = true;
    } else {
      const reading = readMessageUsage(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks));
      this.reading = reading;
      this.terminated = reading.shape !== 'broken';
      this.foreign = reading.shape === 'other';
      this.#chunks = [];
    }
    done();
  }

  abandon(): void {
    this.#chunks = [];
  }
}

class NullObserver implements Observer {
  readonly terminated = true;
  readonly foreign = false;
  readonly atBoundary = false;
  readonly writable = false;
  readonly ping = '';
  readonly reading: UsageReading = emptyReading();
  readonly visibleBytes = 0;

  push(): void {}

  end(done: () => void): void {
    done();
  }

  abandon(): void {}
}

/** Reads a compressed answer through a bounded decoder; the client gets the compressed bytes as they are. */
class InflatingObserver implements Observer {
  readonly #plain: Observer;
  readonly #inflater: Inflater;
  readonly atBoundary = false;
  readonly writable = false;
  readonly ping = '';

  constructor(plain: Observer, coding: string) {
    this.#plain = plain;
    this.#inflater = createInflater(coding, (bytes) => plain.push(bytes), MAX_INFLATED_BYTES);
  }

  push(chunk: Buffer): void {
    this.#inflater.push(chunk);
  }

  end(done: () => void): void {
    this.#inflater.end(() => this.#plain.end(done));
  }

  abandon(): void {
    this.#inflater.close();
    this.#plain.abandon();
  }

  get terminated(): boolean {
    return this.#plain.terminated || (this.#inflater.failed === 'unread' && !this.#plain.writable);
  }

  get foreign(): boolean {
    return this.#plain.foreign;
  }

  get reading(): UsageReading {
    return this.#plain.reading;
  }

  get visibleBytes(): number {
    return this.#plain.visibleBytes;
  }
}
