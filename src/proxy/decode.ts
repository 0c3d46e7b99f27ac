import { RouterError } from '../errors.ts';
import type { BodyLimits } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { decodeBody } from '../wire/content-encoding.ts';

/** Text seldom shrinks to less than an eighth; a body that did is decoded again, with room for the largest one. */
const USUAL_GROWTH = 8;

/** Decodes a request body into memory that was taken from the pool before: a small body can hold a large one. */
export async function decodeHeld(
  exchange: Exchange,
  body: Buffer,
  coding: string,
  { maxBytes, pool }: BodyLimits,
): Promise<Buffer> {
  const hold = pool?.hold(exchange.res);
  for (const room of new Set([Math.min(maxBytes, body.length * USUAL_GROWTH), maxBytes])) {
    hold?.resize(room);
    try {
      const decoded = await decodeBody(body, coding, room);
      hold?.resize(decoded.length);
      return decoded;
    } catch (error) {
      const tooLarge = error instanceof RouterError && error.code === 'body_too_large';
      if (!tooLarge || room === maxBytes) throw error;
    }
  }
  throw new RangeError('maxBytes is one of the rooms');
}
