import { Roster } from '../roster.ts';

interface Watched {
  readonly callbacks: Roster<() => void>;
  /** Unix seconds; `undefined` until the record was read, and again when it may have changed. */
  expiresAt: number | undefined;
}

/** Who wants to know that a token has ended: the streams that run on it. */
export class TokenWatchers {
  readonly #watched = new Map<string, Watched>();

  /**
   * `onEnded` is called at most once. Returns what takes it back.
   * The token may have ended between the moment at which it was found good and this one, so its record is due to be read.
   */
  add(id: string, onEnded: () => void): () => void {
    const watched = this.#watched.get(id) ?? { callbacks: new Roster<() => void>(), expiresAt: undefined };
    this.#watched.set(id, watched);
    let open = true;
    const seat = watched.callbacks.join(() => {
      if (open) onEnded();
      open = false;
    });
    return () => {
      open = false;
      watched.callbacks.leave(seat);
      if (watched.callbacks.size === 0 && this.#watched.get(id) === watched) this.#watched.delete(id);
    };
  }

  /** Each call runs on its own, so that one which throws keeps no other stream alive. */
  end(id: string): void {
    const watched = this.#watched.get(id);
    this.#watched.delete(id);
    if (!watched) return;
    for (const callback of watched.callbacks.members()) queueMicrotask(callback);
  }

  /** Ends those whose time is over. `now` in Unix seconds. */
  endExpired(now: number): void {
    for (const [id, { expiresAt }] of this.#watched) {
      if (expiresAt !== undefined && expiresAt <= now) this.end(id);
    }
  }

  /** Every record may have changed. */
  markUnread(): void {
    for (const watched of this.#watched.values()) watched.expiresAt = undefined;
  }

  /**
   * Those whose record is due to be read. `markRead` takes the expiry (Unix seconds) of a token that is good. It does nothing
   * to a watch that began anew during the read.
   */
  unread(): { id: string; markRead(expiresAt: number): void }[] {
    return Array.from(this.#watched)
      .filter(([, { expiresAt }]) => expiresAt === undefined)
      .map(([id, watched]) => ({
        id,
        markRead(expiresAt) {
          watched.expiresAt = expiresAt;
        },
      }));
  }
}
