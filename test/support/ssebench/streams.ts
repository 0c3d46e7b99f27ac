import { connect } from 'node:net';
import { micros } from './event.ts';
import { Stopwatch, type Times } from './figures.ts';
import { StreamReader, type Wrongs } from './stream-reader.ts';
import { requestBody } from './wish.ts';

export interface StreamsPlan {
  /** The Messages endpoint. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly streams: number;
  /** Milliseconds over which they are opened, evenly. */
  readonly rampMs: number;
  readonly events: number;
  /** Milliseconds between two events of a stream. */
  readonly everyMs: number;
  /** Beside `headers`, which are those of the target. */
  readonly extraHeaders?: Readonly<Record<string, string>>;
}

/** What became of the streams. Each is counted in one of `whole`, `shed`, `cut`. */
export interface StreamFigures extends Wrongs {
  readonly whole: number;
  /** Refused with 503 and `retry-after`. */
  readonly shed: number;
  /** Anything else: another status, an error event, a truncated stream. By what it was. */
  readonly cut: Readonly<Record<string, number>>;
  /** Counted events that were right. */
  readonly events: number;
  /** From the upstream's write to the client's read. */
  readonly added: Times;
  /** From the connection attempt to the refusal. */
  readonly refusal: Times;
  /** From the connection attempt to the first byte of a stream. */
  readonly start: Times;
  readonly seconds: number;
}

const RAMP_TICK_MS = 5;
const HEAD_END = '\r\n\r\n';

/** Opens the streams and reads all of them to their end. */
export async function runStreams(plan: StreamsPlan): Promise<StreamFigures> {
  const run = new Run(plan);
  await run.all();
  return run.figures();
}

class Run {
  readonly #plan: StreamsPlan;
  readonly #wrongs: Wrongs = { lost: 0, repeated: 0, corrupt: 0 };
  readonly #cut: Record<string, number> = {};
  readonly #added = new Stopwatch();
  readonly #refusal = new Stopwatch();
  readonly #start = new Stopwatch();
  readonly #began = performance.now();
  readonly #base = Math.floor(Math.random() * 900_000);
  #whole = 0;
  #shed = 0;
  #events = 0;

  constructor(plan: StreamsPlan) {
    this.#plan = plan;
  }

  async all(): Promise<void> {
    const { streams, rampMs } = this.#plan;
    const running: Promise<void>[] = [];
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(streams, Math.ceil((streams * (performance.now() - this.#began)) / Math.max(1, rampMs)));
        while (running.length < due) running.push(this.#one(this.#base + running.length));
        if (running.length < streams) return;
        clearInterval(timer);
        resolve();
      }, RAMP_TICK_MS);
    });
    await Promise.all(running);
  }

  figures(): StreamFigures {
    return {
      ...this.#wrongs,
      whole: this.#whole,
      shed: this.#shed,
      cut: this.#cut,
      events: this.#events,
      added: this.#added.times(),
      refusal: this.#refusal.times(),
      start: this.#start.times(),
      seconds: (performance.now() - this.#began) / 1000,
    };
  }

  #one(stream: number): Promise<void> {
    const { url, headers, events, everyMs, extraHeaders } = this.#plan;
    const { hostname, port, pathname, host } = new URL(url);
    const body = requestBody({ stream, events, every: everyMs });
    const lines = Object.entries({ ...headers, ...extraHeaders }).map(([name, value]) => `${name}: ${value}\r\n`);
    const opened = micros();
    let head = '';
    let answered = false;
    let failure: string | undefined;
    const reader = new StreamReader(stream, (sentAt) => this.#added.record(micros() - sentAt));
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      socket.on('error', (error: NodeJS.ErrnoException) => {
        failure ??= error.code ?? error.message;
      });
      socket.on('data', (bytes: Buffer) => {
        if (answered) reader.push(bytes);
        else {
          head += bytes.toString('latin1');
          const end = head.indexOf(HEAD_END);
          if (end < 0) return;
          answered = true;
          const status = head.slice(9, 12);
          if (status !== '200') {
            this.#refusal.record(micros() - opened);
            failure = status === '503' && /\r\nretry-after: [1-9]/i.test(head) ? 'shed' : `status ${status}`;
            socket.destroy();
            return;
          }
          this.#start.record(micros() - opened);
          reader.push(bytes.subarray(bytes.length - (head.length - end - HEAD_END.length)));
        }
        if (reader.closed) socket.destroy();
      });
      socket.on('close', () => {
        this.#finish(reader, failure);
        resolve();
      });
    });
  }

  #finish(reader: StreamReader, failure: string | undefined): void {
    const end = failure === undefined ? reader.end(this.#plan.events) : 'truncated';
    this.#events += reader.events;
    for (const kind of ['lost', 'repeated', 'corrupt'] as const) this.#wrongs[kind] += reader.wrongs[kind];
    if (failure === 'shed') this.#shed += 1;
    else if (failure === undefined && end === 'whole') this.#whole += 1;
    else this.#cut[failure ?? end] = (this.#cut[failure ?? end] ?? 0) + 1;
  }
}
