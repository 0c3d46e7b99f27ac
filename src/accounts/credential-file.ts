import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { CredentialSource } from './account.ts';

/** Names that Claude Code and its predecessors use, in the order in which 0.17.0 tried them. */
const FILE_NAMES = ['credentials.json', '.credentials.json', 'auth.json', 'oauth.json', 'config.json'];

/** A changed file is noticed within this time. Milliseconds. */
const POLL_MS = 1_000;

const token = z.string().trim().min(1).optional().catch(undefined);
const flat = { accessToken: token, access_token: token, oauthToken: token, oauth_token: token };

/** The nested file of Claude Code, and the flat ones. Everything else in them is left alone. */
const credentialFile = z.object({
  claudeAiOauth: z.object({ accessToken: token }).optional().catch(undefined),
  ...flat,
});

interface Reading {
  readonly path: string;
  readonly secret: string | undefined;
  readonly problem: string | undefined;
}

/**
 * The access token of Claude Code in one of its credential files. Reads it again when it changes; keeps the last good
 * token while the file is broken, half-written or away. Never writes.
 */
export class CredentialFile implements CredentialSource {
  readonly #home: string;
  readonly #timer: NodeJS.Timeout;
  #fingerprint = '';
  #secret: string | undefined;
  #origin: string;
  #problem: string | undefined;

  constructor(home: string, pollMs = POLL_MS) {
    this.#home = home;
    this.#origin = join(home, '.credentials.json');
    this.#poll();
    this.#timer = setInterval(() => this.#poll(), pollMs).unref();
  }

  get origin(): string {
    return this.#origin;
  }

  current(): string | undefined {
    return this.#secret;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  reload(): boolean {
    const before = this.#secret;
    this.#fingerprint = '';
    this.#poll();
    return this.#secret !== before;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #poll(): void {
    const fingerprint = FILE_NAMES.map((name) => fingerprintOf(join(this.#home, name))).join('|');
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    const reading = readHome(this.#home);
    this.#origin = reading.path;
    this.#problem = reading.problem;
    if (reading.secret !== undefined) this.#secret = reading.secret;
  }
}

function fingerprintOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats ? `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}` : '';
}

/** Looks through the files of a home; the first with a usable token wins, and a broken one does not stop the search. */
function readHome(home: string): Reading {
  let broken: string | undefined;
  for (const name of FILE_NAMES) {
    const path = join(home, name);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') broken ??= `cannot read ${path}: ${messageOf(error)}`;
      continue;
    }
    const secret = tokenIn(text);
    if (secret !== undefined) return { path, secret, problem: undefined };
    if (secret === undefined) broken ??= `${path} holds no usable access token`;
  }
  return {
    path: join(home, '.credentials.json'),
    secret: undefined,
    problem: `${broken ?? `no credential file in ${home}`}: sign in with Claude Code there, or set ANTHROPIC_API_KEY`,
  };
}

function tokenIn(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const file = credentialFile.safeParse(value).data;
  const secret =
    file?.claudeAiOauth?.accessToken ??
    file?.access_token ??
    file?.accessToken ??
    file?.oauth_token ??
    file?.oauthToken;
  // A token goes into a header: a line break in it must not get there.
  return secret && /^[\x21-\x7e]+$/.test(secret) ? secret : undefined;
}
