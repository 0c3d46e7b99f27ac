import { Roster, type Seat } from '../roster.ts';

/** Something with time limits of its own. `now` is monotonic milliseconds. */
export interface Watched {
  check(now: number): void;
}

/**
 * One timer for all requests. A timer per request and per chunk would cost more than the relay itself; a limit of minutes
 * does not need better than a quarter of a second.
 */
export class Ticker {
  readonly #watched = new Roster<Watched>();
  readonly #interval: number;
  #timer: NodeJS.Timeout | undefined;

  /** `interval` in milliseconds: how exactly limits are kept. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** The seat is for `remove`. */
  add(watched: Watched): Seat<Watched> {
    this.#timer ??= setInterval(() => this.#tick(), this.#interval).unref();
    return this.#watched.join(watched);
  }

  remove(seat: Seat<Watched>): void {
    this.#watched.leave(seat);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    for (const watched of this.#watched.members()) watched.check(now);
  }
}
