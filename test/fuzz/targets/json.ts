import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import {
  type JsonScan,
  JsonScanError,
  readBoolean,
  readInteger,
  readString,
  scanJson,
} from '../../../src/wire/json-scan.ts';
import type { Target } from '../target.ts';
import { type Outline, outlineOf } from './json-outline.ts';

/** Small, so that inputs reach them. */
const LIMITS = { maxDepth: 6, maxTokens: 60 };
const AMPLE = { maxDepth: 10_000, maxTokens: 100_000 };
/** Top-level members that a scan keeps. */
const MAX_MEMBERS = 1000;

/** JSON texts: accepted where `JSON.parse` accepts and no bound is passed, with the members and values that it finds. */
export const json: Target = {
  name: 'json',
  modules: ['wire/json-scan.ts'],
  seeds: [
    '{"model":"m","stream":true,"max_tokens":64,"messages":[{"role":"user","content":"hi \\"you\\" \\u00e9"}]}',
    ' [1, -0.5e+3, null, false, {"a":{}}, []]\n',
    '"a long string without any escape in it, to pass the words of four bytes: é🛥"',
    '{"a":1,"\\u0061":2,"__proto__":{"b":0},"":[[[[[[[]]]]]]]}',
    ...['-0', 'true', 'nul', '{"a":1,}', '{"":00}', '[1 2]'],
    `{${Array.from({ length: 70 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
  ],
  words: [
    ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\"', '\\u0061', '\\ud800', '\\', '"a":', '"model":', '"__proto__":'],
    ...[
      'true',
      'false',
      'null',
      '0',
      '-',
      '1e5',
      '1E-9',
      '.5',
      '9007199254740993',
      ' ',
      '\t',
      '\n',
      '\ufeff',
      '\u2028',
    ],
    ...['[[[[', ']]]]', '{"a":{"b":', 'x'.repeat(45), '\0', '🛥'],
  ],
  check(input) {
    const parsed = parse(input);
    for (const limits of [LIMITS, AMPLE]) {
      const outline = parsed && outlineOf(input.toString());
      const scan = attempt(input, limits);
      if (scan instanceof JsonScanError) assertRefusal(scan, input, outline, limits);
      else assertAccepted(scan, input, parsed, outline, limits);
    }
  },
};

type Limits = typeof LIMITS;

function attempt(input: Buffer, limits: Limits): JsonScan | JsonScanError {
  try {
    return scanJson(input, limits);
  } catch (error) {
    if (error instanceof JsonScanError) return error;
    throw error;
  }
}

function parse(input: Buffer): { value: unknown } | undefined {
  if (!isUtf8(input)) return undefined;
  try {
    return { value: JSON.parse(input.toString()) };
  } catch {
    return undefined;
  }
}

function assertRefusal(error: JsonScanError, input: Buffer, outline: Outline | undefined, limits: Limits): void {
  assert.ok(error.offset >= 0 && error.offset <= input.length, `offset ${error.offset} of ${input.length}`);
  assert.equal(error.reason === 'encoding', !isUtf8(input));
  if (!outline) return;
  const { depth, tokens, keys } = outline;
  const reasons = {
    depth: depth > limits.maxDepth,
    tokens: tokens > limits.maxTokens || keys.length > MAX_MEMBERS,
    duplicate: new Set(keys).size < keys.length,
    syntax: false,
    encoding: false,
  };
  assert.ok(reasons[error.reason], `${error.message} is no reason`);
}

function assertAccepted(
  { kind, members }: JsonScan,
  input: Buffer,
  parsed: { value: unknown } | undefined,
  outline: Outline | undefined,
  limits: Limits,
): void {
  assert.ok(isUtf8(input));
  if (!parsed || !outline) {
    // The inside of strings is not judged, and nothing but it may be wrong.
    JSON.parse(input.toString().replace(/"(?:[^"\\]|\\.)*"/gs, '""'));
    return;
  }
  assert.ok(outline.depth <= limits.maxDepth && outline.tokens <= limits.maxTokens);
  assert.deepEqual([...members.keys()], outline.keys);
  assert.equal(kind, kindOf(parsed.value));
  const values: ReadonlyMap<string, unknown> = new Map(
    kind === 'object' ? Object.entries(parsed.value as Record<string, unknown>) : [],
  );
  assert.equal(members.size, values.size);
  for (const [key, span] of members) {
    const value = values.get(key);
    assert.deepEqual(JSON.parse(input.toString('utf8', span.start, span.end)), value);
    assert.equal(readString(input, span), typeof value === 'string' ? value : undefined);
    assert.equal(readBoolean(input, span), typeof value === 'boolean' ? value : undefined);
    assert.equal(readInteger(input, span), Number.isSafeInteger(value) ? value : undefined);
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
