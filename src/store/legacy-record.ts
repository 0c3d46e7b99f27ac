import type { TokenRecord } from './store.ts';

/** A token as the files of 0.17.0 have it. Times are Unix seconds. */
export interface LegacyRecord {
  readonly id: string;
  readonly label: string;
  readonly issued_at: number;
  readonly expires_at: number;
  readonly revoked: boolean;
  readonly account: string | null;
}

/**
 * The record of an imported token. Those files say that a token was revoked, not when: `revokedAt` says so in their place,
 * and is the moment of its issue where it is left out.
 */
export function fromLegacy(record: LegacyRecord, revokedAt = record.issued_at): TokenRecord {
  return {
    id: record.id,
    digest: null,
    last4: '',
    label: record.label,
    scope: 'client',
    account: record.account,
    issuedAt: record.issued_at,
    expiresAt: record.expires_at,
    revokedAt: record.revoked ? revokedAt : null,
  };
}

/** Sorted by id, as 0.17.0 wrote them. Digest, scope and the moment of a revocation have no place in its files. */
export function toLegacy(records: readonly TokenRecord[]): LegacyRecord[] {
  return records
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)))
    .map((record) => ({
      id: record.id,
      label: record.label,
      issued_at: record.issuedAt,
      expires_at: record.expiresAt,
      revoked: record.revokedAt !== null,
      account: record.account,
    }));
}
