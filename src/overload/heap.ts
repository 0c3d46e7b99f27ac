import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

const MIB = 1024 * 1024;
/** V8's own choice on 64-bit machines with enough memory. */
const SEMI_SPACE_MIB = 32;
/** A heap limit is told with room for three semi-spaces on top of what the old generation may take. */
const SEMI_SPACES = 3;

/**
 * Share of the old generation that is in use, 0 to 1. It is the old generation that ends the process when it is full; the young
 * one, which the totals of V8 count too, only fills it. Garbage counts until it is collected.
 */
export function heapShare(oldLimit = oldGenerationLimit()): number {
  let used = 0;
  for (const space of getHeapSpaceStatistics()) {
    if (!space.space_name.startsWith('new_')) used += space.space_used_size;
  }
  return used / oldLimit;
}

/** Bytes that the old generation may take. `words`: the arguments that Node was started with. */
export function oldGenerationLimit(
  words: readonly string[] = [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv],
): number {
  let semiSpace = SEMI_SPACE_MIB;
  for (const word of words) {
    const told = /^--max[-_]semi[-_]space[-_]size=(\d+)$/.exec(word);
    if (told && Number(told[1]) > 0) semiSpace = Number(told[1]);
  }
  return getHeapStatistics().heap_size_limit - SEMI_SPACES * semiSpace * MIB;
}
