import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { TokenRecord } from '../store/store.ts';
import { COMMAND_NAME } from './command-name.ts';

/** Token files of 0.17.0, in the order in which it preferred them. */
const FILES = ['tokens.lino', 'tokens.bin'];

/**
 * The token files of 0.17.0 in the data folder that wait to be taken over; none once the store holds a token for a client.
 * (The admin token of the first start does not count: every store has it.)
 */
export function waitingFiles({ dataDir }: Config, tokens: readonly TokenRecord[]): string[] {
  if (tokens.some(({ scope }) => scope === 'client')) return [];
  return FILES.map((name) => join(dataDir, name)).filter((path) => existsSync(path));
}

/** The command that takes them over. */
export function importCommand(files: readonly string[]): string {
  return `${COMMAND_NAME} tokens import ${files.join(' ')}`;
}
