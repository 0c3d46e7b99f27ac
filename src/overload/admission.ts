import { RouterError } from '../errors.ts';
import type { Strain } from './pressure.ts';

/** Why a request was refused. */
export type Refusal = Strain | 'streams' | 'token_streams';

export interface AdmissionLimits {
  /** Answers under way, all tokens together. */
  readonly streams: number;
  /** Answers under way on one token. */
  readonly perToken: number;
}

/** Seconds after which a client may ask again. Streams take longer to end than a strained event loop to recover. */
const RETRY_AFTER_S: Record<Refusal, number> = { event_loop: 1, heap: 5, streams: 5, token_streams: 5 };

const TEXTS: Record<Refusal, string> = {
  event_loop: 'The router is overloaded. Try again in a moment.',
  heap: 'The router is short of memory. Try again in a moment.',
  streams: 'Too many answers are under way. Try again in a moment.',
  token_streams: 'Too many answers are under way for this token. Try again in a moment.',
};

/** Decides whether the router takes one more model request. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #strain: () => Strain | undefined;
  readonly #perToken = new Map<string, number>();
  readonly #refused: Record<Refusal, number> = { event_loop: 0, heap: 0, streams: 0, token_streams: 0 };
  #streams = 0;

  /** `strain`: what the router suffers from at this moment. */
  constructor(limits: AdmissionLimits, strain: () => Strain | undefined) {
    this.#limits = limits;
    this.#strain = strain;
  }

  get streams(): number {
    return this.#streams;
  }

  /** Tokens that have an answer under way. */
  get tokens(): number {
    return this.#perToken.size;
  }

  /** How many requests were refused, by cause. */
  get refused(): Readonly<Record<Refusal, number>> {
    return this.#refused;
  }

  /** Counts an answer in. Throws `overloaded` when there is no room; every request that came in is counted out by `leave`. */
  enter(token: string): void {
    const refusal = this.#refusal(token);
    if (refusal) {
      this.#refused[refusal] += 1;
      throw new RouterError('overloaded', TEXTS[refusal], { retryAfter: RETRY_AFTER_S[refusal] });
    }
    this.#streams += 1;
    this.#perToken.set(token, (this.#perToken.get(token) ?? 0) + 1);
  }

  leave(token: string): void {
    this.#streams -= 1;
    const left = (this.#perToken.get(token) ?? 0) - 1;
    if (left > 0) this.#perToken.set(token, left);
    else this.#perToken.delete(token);
  }

  #refusal(token: string): Refusal | undefined {
    if (this.#streams >= this.#limits.streams) return 'streams';
    if ((this.#perToken.get(token) ?? 0) >= this.#limits.perToken) return 'token_streams';
    return this.#strain();
  }
}
