import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'seeds');

export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The inputs that once failed, or that somebody thought of. `npm test` replays them. */
export function loadSeeds(target: string): Seed[] {
  const folder = join(FOLDER, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** Keeps an input, and returns where. */
export function saveSeed(target: string, bytes: Buffer): string {
  const folder = join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash('sha256').update(bytes).digest('hex').slice(0, 12));
  writeFileSync(path, bytes);
  return path;
}
