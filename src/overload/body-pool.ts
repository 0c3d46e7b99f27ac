import type { EventEmitter } from 'node:events';
import { RouterError } from '../errors.ts';

/** Seconds after which a client may ask again: bodies come and go within seconds. */
const RETRY_AFTER_S = 1;
/** Bytes up to which a body counts as small. Most requests are. */
const SMALL_BYTES = 1024 * 1024;
/** Share of the pool that only small bodies may take: a few large ones must not shut everybody else out. */
const FOR_SMALL = 1 / 8;

/** What one request has taken from the pool. Given back when its answer is over. */
export interface BodyHold {
  /** Makes it `bytes` in all, more or less. Throws `overloaded` when the pool has not got the rest; then nothing changes. */
  resize(bytes: number): void;
}

/**
 * Bytes of request bodies that are being read or held, all requests together. A body is held until its answer is over: until
 * the first byte of it another attempt may need the body, and after that the HTTP client still refers to it.
 */
export class BodyPool {
  readonly #limit: number;
  #taken = 0;
  #refused = 0;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Bodies that found no room. */
  get refused(): number {
    return this.#refused;
  }

  /** `answer` emits `close` when nobody needs the body any more. */
  hold(answer: EventEmitter): BodyHold {
    let held = 0;
    let open = true;
    answer.once('close', () => {
      open = false;
      this.#taken -= held;
      held = 0;
    });
    return {
      resize: (bytes) => {
        const more = bytes - held;
        if (!open || more === 0) return;
        const room = bytes > SMALL_BYTES ? this.#limit * (1 - FOR_SMALL) : this.#limit;
        if (more > 0 && this.#taken + more > room) {
          this.#refused += 1;
          throw new RouterError('overloaded', 'Too many request bodies are on the way. Try again in a moment.', {
            retryAfter: RETRY_AFTER_S,
          });
        }
        held = bytes;
        this.#taken += more;
      },
    };
  }
}
