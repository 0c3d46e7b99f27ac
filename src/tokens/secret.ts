import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../errors.ts';

const MIN_BYTES = 32;
const MIN_DISTINCT_BYTES = 16;
/** Pieces of the examples that stand in READMEs and compose files; they do not turn up in random text. */
const EXAMPLES =
  /change[-_ ]?me|change[-_ ]?this|replace[-_ ]?(?:me|this|with)|(?:your|my|super|test|top|jwt|token|signing)[-_ ]?(?:secure[-_ ]?|random[-_ ]?|strong[-_ ]?|token[-_ ]?)*secret|secret[-_ ]?(?:key|here)|placeholder|example|password|insecure|abcdefghijkl|0123456789|1234567890/i;

/** `EX_CONFIG` of sysexits.h: a data folder that must not be used. */
const EXIT_CONFIG = 78;
const FILE_NAME = 'token-secret';
const GROUP_AND_OTHERS = 0o077;

/** A new signing secret: 48 random bytes, base64, as `openssl rand -base64 48` prints them. */
export function newSecret(): string {
  return randomBytes(48).toString('base64');
}

/**
 * Throws a `ConfigError` that says how to make a good secret, unless this one can be: at least 32 bytes (RFC 7518 section
 * 3.2), at least 16 of them different, no repetition of a shorter text and no published example. `name` says which setting
 * or file it came from; the secret itself is never part of the message.
 */
export function assertStrongSecret(secret: string, name: string): void {
  const problem = weaknessOf(secret);
  if (problem !== undefined) throw new ConfigError(`${name} ${problem}. Make a good one: openssl rand -base64 48`);
}

function weaknessOf(secret: string): string | undefined {
  const bytes = Buffer.from(secret, 'utf8');
  if (bytes.length < MIN_BYTES) return `has ${bytes.length} bytes, at least ${MIN_BYTES} are needed`;
  if (isRepetition(secret)) return 'repeats itself';
  const distinct = new Set(bytes).size;
  if (distinct < MIN_DISTINCT_BYTES) {
    return `has ${distinct} different bytes, at least ${MIN_DISTINCT_BYTES} are needed`;
  }
  return EXAMPLES.test(secret) ? 'looks like a published example' : undefined;
}

/** A text that is found in its own double before its end is a shorter text, repeated. */
function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

/**
 * The signing secret of a data folder, from `token-secret` in it; made there (mode 0600) when there is none. Of several
 * processes that start at once, all get the same one. Rejects with a `ConfigError` (exit code 78) when the file is a link,
 * open to others or unreadable, and (2) when what it holds is weak.
 */
export async function loadOrCreateSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, FILE_NAME);
  try {
    const secret = (await read(path)) ?? (await create(dataDir, path));
    assertStrongSecret(secret, path);
    return secret;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`cannot use the signing secret ${path}: ${messageOf(error)}`, EXIT_CONFIG);
  }
}

async function read(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new ConfigError(`${path} is not a file`, EXIT_CONFIG);
    if (stats.mode & GROUP_AND_OTHERS) {
      throw new ConfigError(`${path} can be reached by others on this machine. chmod 600 ${path}`, EXIT_CONFIG);
    }
    return (await file.readFile('utf8')).trim();
  } finally {
    await file.close();
  }
}

/** The file appears under its name whole and on disk, or not at all; whoever links first wins, and the others read that one. */
async function create(dataDir: string, path: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await file.writeFile(`${newSecret()}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    // Not `rename`, which would replace the secret that another process has begun to sign with.
    await link(temporary, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await unlink(temporary);
  }
  const folder = await open(dataDir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  const secret = await read(path);
  if (secret === undefined) throw new ConfigError(`${path} went away while it was made`, EXIT_CONFIG);
  return secret;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
