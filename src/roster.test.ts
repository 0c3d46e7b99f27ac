import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Roster, type Seat } from './roster.ts';

test('a roster holds whoever joined and has not left, whatever the order', () => {
  const steps = fc.array(fc.record({ join: fc.boolean(), which: fc.nat() }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (todo) => {
      const roster = new Roster<number>();
      const seats: Seat<number>[] = [];
      const left = new Set<Seat<number>>();
      for (const [i, { join, which }] of todo.entries()) {
        if (join || seats.length === 0) seats.push(roster.join(i));
        else {
          const seat = seats[which % seats.length]!;
          roster.leave(seat);
          left.add(seat);
        }
      }
      const expected = seats.filter((seat) => !left.has(seat)).map(({ member }) => member);
      assert.deepEqual(
        roster.members().toSorted((a, b) => a - b),
        expected,
      );
      assert.equal(roster.size, expected.length);
    }),
  );
});
