import { EVENT_BYTES, readCountedEvent } from './event.ts';

/** What was wrong with what came, one count per kind. All are 0 when the relay is right. */
export interface Wrongs {
  /** Events that never came, though a later one did or the stream said that it was whole. */
  lost: number;
  /** Events that came again, or after a later one. */
  repeated: number;
  /** Events that are not what was sent, or of another stream. */
  corrupt: number;
}

export type StreamEnd = 'whole' | 'error-event' | 'truncated';

const COUNTED = 'event: content_block_delta\n';
const KNOWN =
  /^event: (?:message_start|content_block_start|content_block_stop|message_delta|message_stop|ping|error)\n/;

/** Reads the body of one event stream, chunk framing included, and checks every event in it. */
export class StreamReader {
  readonly #stream: number;
  readonly #onEvent: (sentAt: number) => void;
  readonly wrongs: Wrongs = { lost: 0, repeated: 0, corrupt: 0 };
  /** Counted events that were right. */
  events = 0;
  /** The framing came to its end. */
  closed = false;
  #waiting: Buffer | undefined;
  #event: Buffer = Buffer.alloc(0);
  #next = 0;
  #terminated = false;
  #failed = false;

  constructor(stream: number, onEvent: (sentAt: number) => void) {
    this.#stream = stream;
    this.#onEvent = onEvent;
  }

  push(bytes: Buffer): void {
    const all = this.#waiting ? Buffer.concat([this.#waiting, bytes]) : bytes;
    let at = 0;
    while (!this.closed && at < all.length) {
      const end = all.indexOf('\r\n', at, 'latin1');
      if (end < 0) break;
      const size = Number.parseInt(all.toString('latin1', at, end), 16);
      const next = end + 2 + size + 2;
      if (next > all.length) break;
      if (size === 0) this.closed = true;
      else this.#content(all.subarray(end + 2, end + 2 + size));
      at = next;
    }
    this.#waiting = at < all.length ? all.subarray(at) : undefined;
  }

  /** How it ended, asked when nothing more comes. `wanted`: counted events of a whole stream. */
  end(wanted: number): StreamEnd {
    if (this.#terminated && this.closed) {
      this.wrongs.lost += Math.max(0, wanted - this.#next);
      return 'whole';
    }
    return this.#failed ? 'error-event' : 'truncated';
  }

  #content(bytes: Buffer): void {
    const all = this.#event.length > 0 ? Buffer.concat([this.#event, bytes]) : bytes;
    let at = 0;
    for (let end = all.indexOf('\n\n', 0, 'latin1'); end >= 0; end = all.indexOf('\n\n', at, 'latin1')) {
      this.#check(all, at, end + 2);
      at = end + 2;
    }
    this.#event = all.subarray(at);
  }

  #check(bytes: Buffer, at: number, end: number): void {
    if (bytes.toString('latin1', at, at + COUNTED.length) !== COUNTED) {
      const text = bytes.toString('latin1', at, end);
      if (!KNOWN.test(text) || this.#terminated) this.wrongs.corrupt += 1;
      if (text.startsWith('event: message_stop\n')) this.#terminated = true;
      if (text.startsWith('event: error\n')) this.#failed = true;
      return;
    }
    const event = end - at === EVENT_BYTES ? readCountedEvent(bytes, at) : undefined;
    if (event?.stream !== this.#stream || this.#terminated) this.wrongs.corrupt += 1;
    else if (event.sequence < this.#next) this.wrongs.repeated += 1;
    else {
      this.wrongs.lost += event.sequence - this.#next;
      this.#next = event.sequence + 1;
      this.events += 1;
      this.#onEvent(event.sentAt);
    }
  }
}
