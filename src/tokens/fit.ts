import type { TokenRecord } from '../store/store.ts';
import { type Keyring, mintToken, tokenDigest } from './format.ts';

/** Newest tokens that are looked at: a signature each. */
const SAMPLE = 1_000;

/** How well the signing secrets fit the records. */
export interface Fit {
  /** Living tokens that were looked at. */
  readonly living: number;
  /** Those among them that none of the secrets signed: they are refused. */
  readonly foreign: number;
}

/**
 * Mints the newest living tokens again and compares digests. Imported records of 0.17.0 have none and are left out. `now` in Unix
 * seconds.
 */
export async function fitOf(
  records: readonly TokenRecord[],
  keyring: Keyring,
  installation: string,
  now: number,
): Promise<Fit> {
  const isLiving = ({ digest, revokedAt, expiresAt }: TokenRecord) =>
    digest !== null && revokedAt === null && expiresAt > now;
  const living = records.filter(isLiving).slice(-SAMPLE);
  let foreign = 0;
  for (const record of living) if (!(await isOurs(record, keyring, installation))) foreign += 1;
  return { living: living.length, foreign };
}

/** What an operator has to know when a secret does not fit; `undefined` when all is well. `name` says where the secret stands. */
export function misfit({ living, foreign }: Fit, name: string): string | undefined {
  if (foreign === 0) return undefined;
  return (
    `${foreign} of ${living} living tokens were signed with another secret than ${name} and are refused: ` +
    'put that secret back, or set it as TOKEN_SECRET_PREVIOUS; if they are to end, revoke them'
  );
}

async function isOurs(record: TokenRecord, keyring: Keyring, installation: string): Promise<boolean> {
  for (const key of keyring.verifying) {
    const token = await mintToken(record, { signing: key, verifying: [key] }, installation);
    if (tokenDigest(token) === record.digest) return true;
  }
  return false;
}
