import { askStream, type Target } from './ask-stream.ts';
import { Stopwatch, type Times } from './figures.ts';
import type { Wrongs } from './stream-reader.ts';

export interface StreamsPlan extends Target {
  readonly streams: number;
  /** Milliseconds over which they are opened, evenly. */
  readonly rampMs: number;
  readonly events: number;
  /** Milliseconds between two events of a stream. */
  readonly everyMs: number;
  /** Leave all streams when each of them was answered, so that they are all there at the same time however long that takes. */
  readonly leave?: boolean;
  /** Beside `headers`, which are those of the target. */
  readonly extraHeaders?: Readonly<Record<string, string>>;
}

/** What became of the streams. Each is counted in one of `whole`, `left`, `shed`, `cut`. */
export interface StreamFigures extends Wrongs {
  readonly whole: number;
  /** Left by the client, and right until then. */
  readonly left: number;
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
  readonly #leave: (() => void)[] = [];
  #leaving = false;
  /** Streams that were answered, one way or the other. */
  #count = 0;
  #whole = 0;
  #left = 0;
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
      left: this.#left,
      shed: this.#shed,
      cut: this.#cut,
      events: this.#events,
      added: this.#added.times(),
      refusal: this.#refusal.times(),
      start: this.#start.times(),
      seconds: (performance.now() - this.#began) / 1000,
    };
  }

  async #one(stream: number): Promise<void> {
    const { url, headers, events, everyMs, extraHeaders } = this.#plan;
    const target = { url, headers: { ...headers, ...extraHeaders } };
    const { reader, failure, headAfter } = await askStream(
      target,
      { stream, events, every: everyMs },
      {
        onAdded: (micros) => this.#added.record(micros),
        onBegun: (leave) => this.#begun(leave),
      },
    );
    if (headAfter !== undefined) (failure === undefined ? this.#start : this.#refusal).record(headAfter);
    if (failure !== undefined) this.#answered();
    const end = failure ?? (this.#leaving ? 'left' : reader.end(events));
    this.#events += reader.events;
    for (const kind of ['lost', 'repeated', 'corrupt'] as const) this.#wrongs[kind] += reader.wrongs[kind];
    if (end === 'shed') this.#shed += 1;
    else if (end === 'left') this.#left += 1;
    else if (end === 'whole') this.#whole += 1;
    else this.#cut[end] = (this.#cut[end] ?? 0) + 1;
  }

  #begun(leave: () => void): void {
    this.#leave.push(leave);
    this.#answered();
  }

  #answered(): void {
    this.#count += 1;
    if (!this.#plan.leave || this.#count < this.#plan.streams) return;
    this.#leaving = true;
    for (const leave of this.#leave) leave();
  }
}
