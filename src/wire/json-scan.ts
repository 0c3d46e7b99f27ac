import { isUtf8 } from 'node:buffer';
import { endOfString } from './string-end.ts';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_ARRAY = 0x5b;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Members of the top-level object that are kept. Requests of all known dialects have less than 50. */
const MAX_MEMBERS = 1000;

/** Bytes `start` to `end` (exclusive) of a value, without the white space around it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface JsonLimits {
  /** Most containers inside each other. */
  readonly maxDepth: number;
  /** Most values, keys and closing brackets together. */
  readonly maxTokens: number;
}

type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

export interface JsonScan {
  readonly kind: JsonKind;
  /** Where the values of the top-level object stand, by their unescaped keys. Empty for other kinds. */
  readonly members: ReadonlyMap<string, Span>;
}

/**
 * Why a text is refused. `duplicate` is a key that the top-level object has twice: two parsers could disagree on which one
 * counts (C11). `encoding` is broken UTF-8.
 */
export type JsonScanReason = 'syntax' | 'depth' | 'tokens' | 'duplicate' | 'encoding';

export class JsonScanError extends Error {
  readonly reason: JsonScanReason;
  /** Byte at which it was noticed; 0 for `encoding`. */
  readonly offset: number;

  constructor(reason: JsonScanReason, offset: number) {
    super(`${reason} at byte ${offset}`);
    this.name = 'JsonScanError';
    this.reason = reason;
    this.offset = offset;
  }
}

/**
 * Checks a JSON text (RFC 8259) and finds the members of its top-level object in one pass, without building values and
 * without recursion. Throws `JsonScanError`.
 *
 * The inside of strings is not judged: control characters and wrong escapes pass, and whoever parses the text next refuses
 * them. Only top-level keys that hold a backslash are decoded, and must then be right. More than 1000 top-level members
 * count as too many tokens.
 */
export function scanJson(bytes: Buffer, limits: JsonLimits): JsonScan {
  if (!isUtf8(bytes)) throw new JsonScanError('encoding', 0);
  const { maxDepth, maxTokens } = limits;
  const members = new Map<string, Span>();
  /** Closing bracket of every open container. */
  const open: number[] = [];
  let close = 0;
  let tokens = 0;
  let wantKey = false;
  let key: string | undefined;
  let memberStart = 0;
  let pos = skipSpace(bytes, 0);
  const kind = kindOf(at(bytes, pos));
  for (;;) {
    if (wantKey) {
      if (at(bytes, pos) !== QUOTE) throw new JsonScanError('syntax', pos);
      const end = endOf(bytes, pos + 1);
      if (open.length === 1) {
        key = decodeKey(bytes, pos, end);
        if (members.has(key)) throw new JsonScanError('duplicate', pos);
        if (members.size === MAX_MEMBERS) throw new JsonScanError('tokens', pos);
      }
      pos = skipSpace(bytes, end);
      if (at(bytes, pos) !== COLON) throw new JsonScanError('syntax', pos);
      pos = skipSpace(bytes, pos + 1);
      tokens += 1;
    }
    tokens += 1;
    if (tokens > maxTokens) throw new JsonScanError('tokens', pos);

    if (open.length === 1) memberStart = pos;
    const first = at(bytes, pos);
    if (first === QUOTE) {
      pos = endOf(bytes, pos + 1);
    } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (open.length === maxDepth) throw new JsonScanError('depth', pos);
      // In ASCII, each closing bracket stands two after its opening one.
      close = first + 2;
      open.push(close);
      wantKey = first === OPEN_OBJECT;
      pos = skipSpace(bytes, pos + 1);
      if (at(bytes, pos) !== close) continue;
    } else {
      pos = endOfScalar(bytes, pos, first);
    }
    // Here a value ends at `pos`, or the bracket that closes an empty container stands there.
    for (;;) {
      if (key !== undefined && open.length === 1) {
        members.set(key, { start: memberStart, end: pos });
        key = undefined;
      }
      pos = skipSpace(bytes, pos);
      if (open.length === 0) {
        if (pos < bytes.length) throw new JsonScanError('syntax', pos);
        return { kind, members };
      }
      const byte = at(bytes, pos);
      if (byte === COMMA) {
        wantKey = close === CLOSE_OBJECT;
        pos = skipSpace(bytes, pos + 1);
        break;
      }
      if (byte !== close) throw new JsonScanError('syntax', pos);
      tokens += 1;
      if (tokens > maxTokens) throw new JsonScanError('tokens', pos);
      open.pop();
      close = open.at(-1) ?? 0;
      pos += 1;
    }
  }
}

/** The text of a string value; `undefined` for other values and for strings that JSON does not allow. */
export function readString(bytes: Buffer, span: Span | undefined): string | undefined {
  if (!span || at(bytes, span.start) !== QUOTE) return undefined;
  return parseString(bytes.toString('utf8', span.start, span.end));
}

/** `undefined` for other values. */
export function readBoolean(bytes: Buffer, span: Span | undefined): boolean | undefined {
  const first = span ? at(bytes, span.start) : 0;
  return first === LETTER_T || first === LETTER_F ? first === LETTER_T : undefined;
}

/** A number without fraction up to 2^53-1 in size, however it is spelt; `undefined` for other values. */
export function readInteger(bytes: Buffer, span: Span | undefined): number | undefined {
  if (!span || !startsNumber(at(bytes, span.start))) return undefined;
  const value = Number(bytes.toString('latin1', span.start, span.end));
  return Number.isSafeInteger(value) ? value : undefined;
}

function parseString(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The byte at `pos`; NUL, which no rule of the grammar accepts, past the end. */
function at(bytes: Buffer, pos: number): number {
  return bytes[pos] ?? 0;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function startsNumber(byte: number): boolean {
  return byte === MINUS || isDigit(byte);
}

function skipSpace(bytes: Buffer, start: number): number {
  const end = bytes.length;
  let pos = start;
  while (pos < end) {
    const byte = bytes[pos];
    if (byte !== SPACE && byte !== LF && byte !== CR && byte !== TAB) break;
    pos += 1;
  }
  return pos;
}

/** Position after the closing quote of a string whose inside starts at `start`. */
function endOf(bytes: Buffer, start: number): number {
  const end = endOfString(bytes, start);
  if (end === undefined) throw new JsonScanError('syntax', bytes.length);
  return end;
}

/** Position after the number or literal that starts at `pos`. */
function endOfScalar(bytes: Buffer, pos: number, first: number): number {
  switch (first) {
    case LETTER_T:
      return endOfLiteral(bytes, pos, 'true');
    case LETTER_F:
      return endOfLiteral(bytes, pos, 'false');
    case LETTER_N:
      return endOfLiteral(bytes, pos, 'null');
    default:
      return endOfNumber(bytes, pos);
  }
}

function endOfLiteral(bytes: Buffer, pos: number, literal: string): number {
  for (let i = 1; i < literal.length; i += 1) {
    if (at(bytes, pos + i) !== literal.charCodeAt(i)) throw new JsonScanError('syntax', pos + i);
  }
  return pos + literal.length;
}

function endOfNumber(bytes: Buffer, start: number): number {
  let pos = at(bytes, start) === MINUS ? start + 1 : start;
  pos = at(bytes, pos) === ZERO ? pos + 1 : endOfDigits(bytes, pos);
  if (at(bytes, pos) === DOT) pos = endOfDigits(bytes, pos + 1);
  const byte = at(bytes, pos);
  if (byte === UPPER_E || byte === LETTER_E) {
    const sign = at(bytes, pos + 1);
    pos = endOfDigits(bytes, sign === PLUS || sign === MINUS ? pos + 2 : pos + 1);
  }
  return pos;
}

/** At least one digit has to be there. */
function endOfDigits(bytes: Buffer, start: number): number {
  let pos = start;
  while (isDigit(at(bytes, pos))) pos += 1;
  if (pos === start) throw new JsonScanError('syntax', pos);
  return pos;
}

/** The key between the quotes at `start` and before `end`. */
function decodeKey(bytes: Buffer, start: number, end: number): string {
  const inside = bytes.toString('utf8', start + 1, end - 1);
  const key = inside.includes('\\') ? parseString(`"${inside}"`) : inside;
  if (key === undefined) throw new JsonScanError('syntax', start);
  return key;
}

function kindOf(first: number): JsonKind {
  switch (first) {
    case OPEN_OBJECT:
      return 'object';
    case OPEN_ARRAY:
      return 'array';
    case QUOTE:
      return 'string';
    case LETTER_T:
    case LETTER_F:
      return 'boolean';
    case LETTER_N:
      return 'null';
    default:
      // Whatever is no number either is refused before the kind is told.
      return 'number';
  }
}
