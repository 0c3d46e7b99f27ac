import { write, writeSync } from 'node:fs';

/** Bytes that are collected before they are written, and how long they may wait. */
const BUFFER_BYTES = 64 * 1024;
const FLUSH_MS = 250;
/** Bytes that may wait for a reader. More is dropped: a log that nobody reads must not fill the memory. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** How long the end of the process waits for a reader, and how often it looks. Milliseconds. */
const LAST_MS = 1_000;
const RETRY_MS = 20;

/**
 * Writes lines to a file descriptor, many at a time. A reader that has gone costs lines, never the end of the process: the stream
 * that comes with pino tries for ever then, and lets nothing else run meanwhile.
 */
export class LogSink {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #size = 0;
  #writing = false;
  #broken = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onExit = () => this.#writeRest();

  constructor(fd: number) {
    this.#fd = fd;
    process.on('exit', this.#onExit);
  }

  write(line: string): void {
    if (this.#broken || this.#size > MAX_WAITING_BYTES) return;
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= BUFFER_BYTES) this.#start();
    else this.#schedule(FLUSH_MS);
  }

  /** Resolves when everything is written, or nobody reads it. */
  async close(): Promise<void> {
    const end = performance.now() + LAST_MS;
    while (!this.#broken && (this.#writing || this.#size > 0) && performance.now() < end) {
      this.#start();
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
    clearTimeout(this.#timer);
    process.off('exit', this.#onExit);
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, ms).unref();
  }

  #start(): void {
    if (this.#writing || this.#size === 0) return;
    this.#writing = true;
    const bytes = this.#take();
    write(this.#fd, bytes, (error, written) => {
      this.#writing = false;
      if (error && error.code !== 'EAGAIN') this.#giveUp();
      else if (written < bytes.length) this.#putBack(bytes.subarray(error ? 0 : written));
      if (this.#size > 0) this.#schedule(error ? RETRY_MS : 0);
    });
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#size = 0;
    return bytes;
  }

  #putBack(bytes: Buffer): void {
    this.#waiting.unshift(bytes);
    this.#size += bytes.length;
  }

  #giveUp(): void {
    this.#broken = true;
    this.#take();
  }

  /** The process ends at once: what waits is written without an event loop. */
  #writeRest(): void {
    const end = performance.now() + LAST_MS;
    while (this.#size > 0 && performance.now() < end) {
      const bytes = this.#take();
      try {
        const written = writeSync(this.#fd, bytes);
        if (written < bytes.length) this.#putBack(bytes.subarray(written));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
        this.#putBack(bytes);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }
}
