import type { TokenRecord } from '../store/store.ts';
import { formatTable } from './output.ts';

/** A record as an operator sees it: the members of 0.17.0, and what came after them. Times are Unix seconds. */
export interface TokenView {
  readonly id: string;
  readonly label: string;
  readonly issued_at: number;
  readonly expires_at: number;
  readonly revoked: boolean;
  readonly revoked_at: number | null;
  readonly account: string | null;
  readonly scope: TokenRecord['scope'];
  readonly last4: string;
  readonly state: 'good' | 'expired' | 'revoked';
}

/** `now` in Unix seconds. */
export function viewOf(record: TokenRecord, now: number): TokenView {
  const revoked = record.revokedAt !== null;
  return {
    id: record.id,
    label: record.label,
    issued_at: record.issuedAt,
    expires_at: record.expiresAt,
    revoked,
    revoked_at: record.revokedAt,
    account: record.account,
    scope: record.scope,
    last4: record.last4,
    state: revoked ? 'revoked' : record.expiresAt <= now ? 'expired' : 'good',
  };
}

/** The table of `tokens list`, with the columns and widths of 0.17.0 and the state before the label. */
export function formatTokens(views: readonly TokenView[]): string {
  return formatTable(COLUMNS, views.map(cellsOf));
}

const COLUMNS = [
  { heading: 'id', width: 36 },
  { heading: 'issued_at', width: 10 },
  { heading: 'expires_at', width: 10 },
  { heading: 'revoked', width: 10 },
  { heading: 'state', width: 7 },
  { heading: 'label' },
];

function cellsOf({ id, issued_at, expires_at, revoked, state, label }: TokenView): string[] {
  return [id, String(issued_at), String(expires_at), String(revoked), state, label];
}
