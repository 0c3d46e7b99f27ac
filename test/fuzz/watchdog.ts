import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { saveSeed } from './seeds.ts';

/** Milliseconds without an end of one input. An endless loop cannot be left from inside its thread. */
const HANG_MS = 20_000;
const MAX_BYTES = 8192;

/** Watches from a thread of its own, keeps an input that does not end as a seed, and then ends the process. */
export class Watchdog {
  readonly #counter = new Int32Array(new SharedArrayBuffer(8));
  readonly #input = new Uint8Array(new SharedArrayBuffer(MAX_BYTES));
  readonly #worker: Worker;

  constructor(target: string) {
    this.#worker = new Worker(new URL(import.meta.url), {
      workerData: { target, counter: this.#counter, input: this.#input } satisfies Watched,
    });
    this.#worker.unref();
  }

  /** To be called before each input. */
  note(input: Buffer): void {
    this.#input.set(input.subarray(0, MAX_BYTES));
    this.#counter[1] = Math.min(input.length, MAX_BYTES);
    Atomics.add(this.#counter, 0, 1);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

interface Watched {
  readonly target: string;
  readonly counter: Int32Array;
  readonly input: Uint8Array;
}

if (!isMainThread) {
  const { target, counter, input } = workerData as Watched;
  let seen = -1;
  setInterval(() => {
    const now = Atomics.load(counter, 0);
    if (now === seen && now > 0) {
      const path = saveSeed(target, Buffer.from(input.subarray(0, counter[1])));
      process.stderr.write(`${target}: no end after ${HANG_MS} ms; the input is in ${path}\n`);
      process.kill(process.pid, 'SIGKILL');
    }
    seen = now;
  }, HANG_MS);
}
