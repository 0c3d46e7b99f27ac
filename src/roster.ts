/** A place in a roster. */
export interface Seat<Member> {
  readonly member: Member;
  index: number;
}

/**
 * Members that come and go with every request, in no order: joining and leaving take constant time and no hashing. Leaving goes by
 * seat, so the same member may join twice.
 */
export class Roster<Member> {
  readonly #seats: Seat<Member>[] = [];

  get size(): number {
    return this.#seats.length;
  }

  join(member: Member): Seat<Member> {
    const seat = { member, index: this.#seats.length };
    this.#seats.push(seat);
    return seat;
  }

  /** Does nothing the second time. */
  leave(seat: Seat<Member>): void {
    if (this.#seats[seat.index] !== seat) return;
    const last = this.#seats.pop()!;
    if (last === seat) return;
    this.#seats[seat.index] = last;
    last.index = seat.index;
  }

  /** A copy: members may leave while one goes through it. */
  members(): Member[] {
    return this.#seats.map(({ member }) => member);
  }
}
