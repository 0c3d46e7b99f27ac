import type { Account } from '../accounts/account.ts';
import type { Transport } from './transport.ts';

/** A place to send requests to, and how a credential is shown there. One file per kind, all of this shape. */
export interface Upstream {
  /** Name in logs, metrics and usage rows. */
  readonly name: string;
  readonly dialect: 'anthropic';
  readonly transport: Transport;
  readonly accounts: readonly Account[];
  /** Adds the credential, and the headers without which this kind refuses it, to the headers of a request. */
  authorize(headers: string[], secret: string): void;
}

/** The version of the API that is asked for when the client names none: https://docs.claude.com/en/api/versioning */
export const DEFAULT_ANTHROPIC_VERSION = '2023-06-01';

/** Whether a flat header list has a header. `name` in lower case. */
export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true;
  return false;
}
