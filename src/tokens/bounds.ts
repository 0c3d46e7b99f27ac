import { RouterError } from '../errors.ts';
import type { TokenScope } from '../store/store.ts';

const MAX_TTL_HOURS = 87_600;
const DEFAULT_TTL_HOURS = 24;
const LABEL = /^[\p{L}\p{N} ._:@-]{0,64}$/u;
const ACCOUNT = /^[A-Za-z0-9._-]{1,64}$/;

/** A wish for a token. What is left out gets its default. */
export interface IssueRequest {
  /** What the token is for, in lists and logs. Default: empty. */
  readonly label?: string | undefined;
  /** Length of its life in hours, 1 to 87600. Default 24. */
  readonly ttlHours?: number | undefined;
  /** The one account that it may use. Default: the pool chooses. */
  readonly account?: string | null | undefined;
  /** Default `client`. */
  readonly scope?: TokenScope | undefined;
}

/**
 * The wish with its defaults. The bounds stand here, and nowhere else, for the CLI and for HTTP. Throws
 * `RouterError('invalid_request')` that names the field and its bound, in the spelling of the HTTP API.
 */
export function checkIssueRequest({
  label = '',
  ttlHours = DEFAULT_TTL_HOURS,
  account,
  scope = 'client',
}: IssueRequest) {
  if (!Number.isInteger(ttlHours) || ttlHours < 1 || ttlHours > MAX_TTL_HOURS) {
    throw refuse(`ttl_hours must be a whole number from 1 to ${MAX_TTL_HOURS}`);
  }
  if (!LABEL.test(label)) throw refuse('label must be at most 64 letters, digits, spaces or any of . _ : @ -');
  if (account != null && !ACCOUNT.test(account)) {
    throw refuse('account must be 1 to 64 letters, digits or any of . _ -');
  }
  if (scope !== 'client' && scope !== 'admin') throw refuse('scope must be client or admin');
  return { label, ttlHours, account: account ?? null, scope };
}

function refuse(text: string): RouterError {
  return new RouterError('invalid_request', `${text}.`);
}
