import type { ServerResponse } from 'node:http';
import { RouterError } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import type { Ticker, Watched } from './ticker.ts';

/** How much of a body is read, and how long for. */
export interface BodyLimits {
  /** Bytes. */
  readonly maxBytes: number;
  /** Milliseconds without a byte. */
  readonly idleMs: number;
  readonly ticker: Ticker;
  /** Memory for all bodies together; none for small ones that must always get through. */
  readonly pool?: BodyPool | undefined;
}

/** Where bodies take their memory from. */
interface BodyPool {
  /** `resize` takes `bytes` in all until `answer` closes, and throws when there is no room for them. */
  hold(answer: ServerResponse): { resize(bytes: number): void };
}

/**
 * Reads the body of a request as the bytes that came. Rejects with `body_too_large` as soon as the limit is known to be
 * passed, `body_timeout` when the client stops sending, `invalid_request` when it leaves.
 */
export function readBody(exchange: Exchange, limits: BodyLimits): Promise<Buffer> {
  const { req, res } = exchange;
  const declared = Number(exchange.headers.get('content-length') ?? 0);
  if (declared > limits.maxBytes) return Promise.reject(tooLarge(limits.maxBytes));
  const hold = limits.pool?.hold(res);
  try {
    hold?.resize(declared);
  } catch (error) {
    return Promise.reject(error);
  }
  if (exchange.expectsContinue) res.writeContinue();

  const collector = new Collector(declared, limits.maxBytes);
  return new Promise((resolve, reject) => {
    let heard = performance.now();
    const watch: Watched = {
      check: (now) => {
        if (now - heard > limits.idleMs) settle(new RouterError('body_timeout', 'The request body stopped arriving.'));
      },
    };
    const onData = (chunk: Buffer) => {
      heard = performance.now();
      try {
        if (!collector.add(chunk)) settle(tooLarge(limits.maxBytes));
        else if (collector.size > declared) hold?.resize(collector.size);
      } catch (error) {
        settle(error as RouterError);
      }
    };
    const onEnd = () => settle();
    const onClose = () =>
      settle(new RouterError('invalid_request', 'The connection closed before the body was complete.'));
    const settle = (error?: RouterError) => {
      limits.ticker.remove(seat);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // An `error` event without a listener ends the process.
      req.on('error', ignore);
      if (error) reject(error);
      else resolve(collector.whole());
    };
    const seat = limits.ticker.add(watch);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** In a scope of its own: one inside `readBody` would keep the body as long as the request lives. */
function ignore(): void {}

function tooLarge(maxBytes: number): RouterError {
  return new RouterError('body_too_large', `The request body is larger than ${maxBytes} bytes.`);
}

/**
 * Makes one buffer of the pieces of a body, in memory that is touched once: a piece is copied to its place and given back at once.
 * Left to the garbage collector, the pieces of a few dozen large bodies bring on a full collection.
 */
class Collector {
  readonly #declared: number;
  readonly #limit: number;
  #buffer: Buffer | undefined;
  #size = 0;

  /** `declared`: the length that the client announced; 0 when it announced none. `limit` in bytes. */
  constructor(declared: number, limit: number) {
    this.#declared = declared;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** `false` when the body is larger than the limit. */
  add(piece: Buffer): boolean {
    const size = this.#size + piece.length;
    if (size > this.#limit) return false;
    // Most bodies come in one piece, which needs no copy.
    if (!this.#buffer && size >= this.#declared) {
      this.#buffer = piece;
      this.#size = size;
      return true;
    }
    this.#reserve(size);
    this.#buffer!.set(piece, this.#size);
    this.#size = size;
    giveBack(piece);
    return true;
  }

  whole(): Buffer {
    return this.#buffer?.subarray(0, this.#size) ?? NOTHING;
  }

  #reserve(size: number): void {
    const old = this.#buffer;
    if (old && old.length >= size) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(size, Math.min(this.#limit, Math.max(this.#declared, 2 * size))));
    if (old) {
      larger.set(old.subarray(0, this.#size));
      giveBack(old);
    }
    this.#buffer = larger;
  }
}

const NOTHING = Buffer.alloc(0);

/** Frees the memory of a buffer that nobody else refers to, and that is not a part of a larger one. */
function giveBack({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
