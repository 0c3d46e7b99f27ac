/**
 * The load, in a process of its own: `node load.ts <scenario> <requests> <url> <headers as JSON>`. Keeps the scenario's
 * number of requests under way until all have been made, and checks every answer: a wrong one ends it with an error.
 * Prints `done`; with idle streams it does so when all are open, and then holds them.
 */
import { type Dispatcher, Pool } from 'undici';
import { IDLE, SCENARIOS, type Scenario } from './scenarios.ts';
import { JSON_ANSWER, STREAM_EVENTS } from './shapes.ts';

const [name = '', count = '', address = '', headers = '{}'] = process.argv.slice(2);
const scenario = ({ ...SCENARIOS, idle: IDLE } as Record<string, Scenario>)[name];
if (!scenario) throw new Error(`unknown scenario ${name}`);
const { body, concurrency, answer } = scenario;

const url = new URL(address);
const pool = new Pool(url.origin, { connections: concurrency, bodyTimeout: 0, headersTimeout: 0 });
const request: Dispatcher.DispatchOptions = {
  method: 'POST',
  path: url.pathname,
  headers: { 'content-type': 'application/json', ...(JSON.parse(headers) as Record<string, string>) },
  body,
};

const expected =
  answer === 'json' ? JSON_ANSWER : Buffer.concat(scenario === IDLE ? STREAM_EVENTS.slice(0, 1) : STREAM_EVENTS);

/** Compares an answer with the one that the upstream gives, as it passes. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #done: (error?: Error) => void;
  #status = 0;
  #bytes = 0;
  #same = true;

  constructor(done: (error?: Error) => void) {
    this.#done = done;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // A gateway may ping an idle stream after its one event.
    if (scenario === IDLE && this.#bytes === expected.length) return;
    this.#same &&= chunk.equals(expected.subarray(this.#bytes, this.#bytes + chunk.length));
    this.#bytes += chunk.length;
    if (scenario === IDLE && this.#isRight()) this.#done();
  }

  onResponseEnd(): void {
    if (scenario !== IDLE && this.#isRight()) this.#done();
    else
      this.#fail(new Error(`status ${this.#status}, ${this.#bytes} bytes, ${this.#same ? 'same' : 'other'} content`));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #isRight(): boolean {
    return this.#status === 200 && this.#same && this.#bytes === expected.length;
  }

  #fail(error: Error): void {
    this.#done(error);
    // An idle stream that was open has nobody left to tell.
    if (scenario === IDLE) {
      console.error(error);
      process.exit(1);
    }
  }
}

const ask = () =>
  new Promise<void>((resolve, reject) => {
    pool.dispatch(request, new Answer((error) => (error ? reject(error) : resolve())));
  });

let left = Number(count);
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  }),
);
console.log('done');
if (scenario !== IDLE) await pool.close();
