import { createSecretKey, hash, hkdfSync, type KeyObject } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { z } from 'zod';
import type { TokenRecord } from '../store/store.ts';

const TOKEN_PREFIX = 'la_sk_';
/** Bytes. Longer texts are refused before anything else is done with them. */
export const MAX_TOKEN_BYTES = 2048;
const ISSUER = 'link-assistant-router';

/** What secret scanners may look for. An HS256 signature always has 43 characters. */
export const TOKEN_PATTERN = /^la_sk_eyJ[\w-]{10,}\.[\w-]{20,}\.[\w-]{43}$/;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

interface Key {
  readonly kid: string;
  /** First segment of every token that it signs. */
  readonly header: string;
  readonly secret: KeyObject;
}

/** One key that signs, and all keys that verify, the signing one included. Dropping a key ends its tokens. */
export interface Keyring {
  readonly signing: Key;
  readonly verifying: readonly Key[];
}

/** A keyring of raw secrets. They are not judged here: see `assertStrongSecret`. */
export function createKeyring(signing: string, previous: readonly string[] = []): Keyring {
  const key = keyOf(signing);
  return { signing: key, verifying: [key, ...previous.map(keyOf)] };
}

/** The name of a key is derived from it one-way, apart from its use in signatures, so that it may stand in every token. */
function keyOf(text: string): Key {
  const secret = createSecretKey(text, 'utf8');
  const kid = Buffer.from(hkdfSync('sha256', secret, '', 'link-assistant-router token kid', 8)).toString('base64url');
  return { kid, header: encode(JSON.stringify(headerOf(kid))), secret };
}

/** What of a record stands in its token. */
export type TokenFacts = Pick<TokenRecord, 'id' | 'issuedAt' | 'expiresAt' | 'label' | 'scope'>;

/**
 * The token of a record: the same facts, keyring and installation always give the same token. Its claims inform the holder;
 * the record in the store decides.
 */
export async function mintToken(facts: TokenFacts, { signing }: Keyring, installation: string): Promise<string> {
  const claims: z.infer<typeof issuedClaims> = {
    sub: facts.id,
    iat: facts.issuedAt,
    exp: facts.expiresAt,
    label: facts.label,
    iss: ISSUER,
    aud: installation,
    ...(facts.scope === 'admin' ? { scope: 'admin' } : {}),
  };
  const jws = await new CompactSign(Buffer.from(JSON.stringify(claims), 'utf8'))
    .setProtectedHeader(headerOf(signing.kid))
    .sign(signing.secret);
  return TOKEN_PREFIX + jws;
}

/** What a token with a good signature says of itself. */
export interface SignedToken {
  readonly id: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** It is one of 0.17.0: it names no installation, and only an imported record can vouch for it. */
  readonly legacy: boolean;
}

/**
 * A token whose signature is good and whose bytes are the ones that this router, or 0.17.0, would have written; `undefined`
 * for everything else. Says nothing on expiry or revocation. Never rejects.
 */
export async function readToken(
  token: string,
  keyring: Keyring,
  installation: string,
): Promise<SignedToken | undefined> {
  if (token.length > MAX_TOKEN_BYTES || !TOKEN_PATTERN.test(token)) return undefined;
  const jws = token.slice(TOKEN_PREFIX.length);
  const [header = '', payload = '', signature = ''] = jws.split('.');
  if (!isCanonical(signature)) return undefined;

  const legacy = header === LEGACY_HEADER;
  for (const key of keyring.verifying) {
    if ((legacy || header === key.header) && (await hasSignature(jws, key.secret))) {
      return legacy ? readLegacy(payload) : readIssued(payload, installation);
    }
  }
  return undefined;
}

/** What the store keeps of a token, and the key of every cache of tokens: SHA-256, base64url. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'base64url');
}

async function hasSignature(jws: string, secret: KeyObject): Promise<boolean> {
  try {
    await compactVerify(jws, secret, { algorithms: ['HS256'] });
    return true;
  } catch {
    return false;
  }
}

/** Members in this order. Headers are compared as bytes and never interpreted, so none but these can name a key or a method. */
function headerOf(kid?: string) {
  return { typ: 'JWT', alg: 'HS256', ...(kid === undefined ? {} : { kid }) };
}

const LEGACY_HEADER = encode(JSON.stringify(headerOf()));

// The order of the members is the order in the token.
const legacyClaims = z.strictObject({
  sub: z.string().regex(UUID_V4),
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
  label: z.string().optional(),
});
const issuedClaims = z.strictObject({
  ...legacyClaims.shape,
  label: z.string(),
  iss: z.literal(ISSUER),
  aud: z.string(),
  scope: z.literal('admin').optional(),
});

function readLegacy(payload: string): SignedToken | undefined {
  const claims = decode(payload, legacyClaims);
  return claims && { id: claims.sub, expiresAt: claims.exp, legacy: true };
}

function readIssued(payload: string, installation: string): SignedToken | undefined {
  const claims = decode(payload, issuedClaims);
  return claims?.aud === installation ? { id: claims.sub, expiresAt: claims.exp, legacy: false } : undefined;
}

/** Writing the claims again must give the same segment: that refuses repeated and reordered members, and other spellings. */
function decode<Claims>(payload: string, schema: z.ZodType<Claims>): Claims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const { data } = schema.safeParse(value);
  return data !== undefined && encode(JSON.stringify(data)) === payload ? data : undefined;
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** One spelling per value: no padding, no stray bits in the last character (CVE-2026-35030). */
function isCanonical(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('base64url') === segment;
}
