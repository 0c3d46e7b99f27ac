import { fromLegacy, type LegacyRecord, toLegacy } from './legacy-record.ts';
import { type LinoList, type LinoNode, parseLinoLine, quoteLino } from './lino.ts';
import type { TokenRecord } from './store.ts';

const HEADER = '# Link.Assistant.Router token store\n# Format: (token <id> (label "...") ...)\n';
const TRUE = new Set(['true', '1', 'yes']);
const FALSE = new Set(['false', '0', 'no']);
const FIELDS = ['label', 'issued_at', 'expires_at', 'revoked', 'account'] as const;

/**
 * Reads `tokens.lino` of 0.17.0; see `fromLegacy` for `revokedAt`. Fields may come in any order, and missing ones are empty,
 * 0 or false. Throws an error that names the line for everything else, because a limit that is misread is a limit lost.
 */
export function parseTokensLino(text: string, revokedAt?: number): TokenRecord[] {
  return text.split('\n').flatMap((line, index) => {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) return [];
    try {
      return fromLegacy(recordOf(parseLinoLine(content)), revokedAt);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : 'invalid'}`, { cause: error });
    }
  });
}

/** Writes `tokens.lino` as 0.17.0 did. */
export function formatTokensLino(records: readonly TokenRecord[]): string {
  return HEADER + toLegacy(records).map(formatRecord).join('');
}

function formatRecord({ id, label, issued_at, expires_at, revoked, account }: LegacyRecord): string {
  const start = `(token ${/^[^\s()"]+$/u.test(id) ? id : quoteLino(id)} (label ${quoteLino(label)})`;
  const middle = ` (issued_at ${issued_at}) (expires_at ${expires_at}) (revoked ${revoked})`;
  return `${start}${middle}${account === null ? '' : ` (account ${quoteLino(account)})`})\n`;
}

function recordOf([type, id, ...members]: LinoList): LegacyRecord {
  if (type !== 'token') throw new Error('not a (token …)');
  if (typeof id !== 'string' || id === '') throw new Error('the id is missing');
  const fields = new Map(members.map(fieldOf));
  if (fields.size < members.length) throw new Error('a field stands there twice');
  return {
    id,
    label: fields.get('label') ?? '',
    issued_at: numberOf('issued_at', fields.get('issued_at') ?? '0'),
    expires_at: numberOf('expires_at', fields.get('expires_at') ?? '0'),
    revoked: truthOf(fields.get('revoked') ?? 'false'),
    account: fields.get('account') ?? null,
  };
}

function fieldOf(node: LinoNode): [string, string] {
  if (typeof node === 'string') throw new Error(`${node} is not a (field value)`);
  const [name, value, ...more] = node;
  if (!FIELDS.some((field) => field === name)) throw new Error(`unknown field ${String(name)}`);
  if (typeof value !== 'string' || more.length > 0) throw new Error(`${String(name)} needs one value`);
  return [String(name), value];
}

function numberOf(name: string, value: string): number {
  const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Error(`${name} is not a number`);
  return number;
}

function truthOf(value: string): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw new Error('revoked is neither true nor false');
}
