import type { Socket } from 'node:net';

/** The connection ended where more bytes had to come. */
export class CutError extends Error {}

/** Pulls bytes out of a socket. What nobody pulls stays in the kernel, so that the peer feels it. */
export class ByteReader {
  readonly #chunks: AsyncIterator<unknown>;
  #buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** Between 1 and `most` bytes; `undefined` at the end of the connection. Rejects on a reset. */
  async some(most = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    if (this.#buffer.length === 0 && !(await this.#more())) return undefined;
    const taken = this.#buffer.subarray(0, most);
    this.#buffer = this.#buffer.subarray(taken.length);
    return taken;
  }

  /** A line without its CRLF; `undefined` when the connection ended before its first byte. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf('\r\n');
      if (at >= 0) {
        const line = this.#buffer.toString('latin1', 0, at);
        this.#buffer = this.#buffer.subarray(at + 2);
        return line;
      }
      if (!(await this.#more())) {
        if (this.#buffer.length === 0) return undefined;
        throw new CutError('inside a line');
      }
    }
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    if (!Buffer.isBuffer(value)) throw new TypeError('a socket with an encoding');
    this.#buffer = Buffer.concat([this.#buffer, value]);
    return true;
  }
}
