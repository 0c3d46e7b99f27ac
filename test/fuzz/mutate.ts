import type { Random } from './target.ts';

/** Bytes. Small inputs reach the same branches, and many more of them fit into a minute. */
const MAX_LENGTH = 4096;
const EDGES = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b, 0x7f, 0x80, 0xbf, 0xc3, 0xef, 0xff];

/** A neighbour of `input`: one to four small damages, with pieces of `other` and of `words`. */
export function mutate(input: Buffer, other: Buffer, words: readonly Buffer[], random: Random): Buffer {
  let bytes = input;
  for (let left = 1 + random.below(4); left > 0; left -= 1) bytes = damage(bytes, other, words, random);
  return bytes.subarray(0, MAX_LENGTH);
}

function damage(bytes: Buffer, other: Buffer, words: readonly Buffer[], random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const end = at + random.below(Math.min(bytes.length - at, 64) + 1);
  switch (random.below(8)) {
    case 0:
      return splice(bytes, at, end, Buffer.alloc(0));
    case 1:
      return splice(bytes, at, at, bytes.subarray(at, end));
    case 2:
      return splice(bytes, at, at + 1, Buffer.of(random.below(256)));
    case 3:
      return splice(bytes, at, at, Buffer.of(random.pick(EDGES)));
    case 4: {
      const start = random.below(other.length + 1);
      return splice(bytes, at, end, other.subarray(start, start + random.below(128)));
    }
    case 5:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    default:
      return splice(bytes, at, random.below(3) === 0 ? end : at, random.pick(words));
  }
}

function splice(bytes: Buffer, start: number, end: number, inserted: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(end)]);
}

/** The smallest neighbour of `input` that still fails, found by leaving pieces out. Asks `fails` at most 500 times. */
export async function shrink(input: Buffer, fails: (input: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = input;
  let asked = 0;
  for (let size = Math.ceil(best.length / 2); size >= 1 && asked < 500; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && asked < 500; asked += 1) {
      const shorter = splice(best, at, at + size, Buffer.alloc(0));
      if (await fails(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
