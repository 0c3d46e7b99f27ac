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
}

/**
 * Reads the body of a request as the bytes that came. Rejects with `body_too_large` as soon as the limit is known to be
 * passed, `body_timeout` when the client stops sending, `invalid_request` when it leaves.
 */
export function readBody(exchange: Exchange, limits: BodyLimits): Promise<Buffer> {
  const { req, res } = exchange;
  const declared = Number(exchange.headers.get('content-length') ?? 0);
  if (declared > limits.maxBytes) return Promise.reject(tooLarge(limits.maxBytes));
  if (exchange.expectsContinue) res.writeContinue();

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let heard = performance.now();

    const watch: Watched = {
      check: (now) => {
        if (now - heard > limits.idleMs) settle(new RouterError('body_timeout', 'The request body stopped arriving.'));
      },
    };
    const onData = (chunk: Buffer) => {
      heard = performance.now();
      size += chunk.length;
      if (size > limits.maxBytes) settle(tooLarge(limits.maxBytes));
      else chunks.push(chunk);
    };
    const onEnd = () => settle();
    const onClose = () =>
      settle(new RouterError('invalid_request', 'The connection closed before the body was complete.'));

    const settle = (error?: RouterError) => {
      limits.ticker.remove(seat);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // An `error` event without a listener ends the process.
      req.on('error', () => {});
      if (error) reject(error);
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
    };

    const seat = limits.ticker.add(watch);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

function tooLarge(maxBytes: number): RouterError {
  return new RouterError('body_too_large', `The request body is larger than ${maxBytes} bytes.`);
}
