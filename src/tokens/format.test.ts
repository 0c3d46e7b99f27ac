import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createKeyring, MAX_TOKEN_BYTES, mintToken, readToken, TOKEN_PATTERN, tokenDigest } from './format.ts';

const SECRET = 'mJx3dV0tq9sWc7ZkYb2nUe5oLr8PhGfA1iTQvDzN4XyK6wES';
const INSTALLATION = '0b5cbb4e-9a7f-4a37-9d0e-2f1f6f3a7c11';
const keyring = createKeyring(SECRET);
const FACTS = {
  id: '550e8400-e29b-41d4-a716-446655440000',
  issuedAt: 1_710_806_400,
  expiresAt: 1_710_892_800,
  label: 'my-token',
  scope: 'client',
} as const;

const vector: { secret: string; token: string; id: string; expires_at: number } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/tokens/token-0.17.0.json', import.meta.url), 'utf8'),
);

const segment = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const mac = (input: string, secret = SECRET, method = 'sha256') =>
  createHmac(method, secret).update(input).digest('base64url');
/** A token with a good signature over whatever it is given. */
const signed = (header: unknown, claims: unknown, secret = SECRET) => {
  const input = `${segment(header)}.${segment(claims)}`;
  return `la_sk_${input}.${mac(input, secret)}`;
};

const HEADER = { typ: 'JWT', alg: 'HS256', kid: keyring.signing.kid };
const LEGACY_HEADER = { typ: 'JWT', alg: 'HS256' };
const LEGACY_CLAIMS = { sub: FACTS.id, iat: FACTS.issuedAt, exp: FACTS.expiresAt, label: FACTS.label };
const CLAIMS = { ...LEGACY_CLAIMS, iss: 'link-assistant-router', aud: INSTALLATION };
const good = await mintToken(FACTS, keyring, INSTALLATION);
const [head = '', payload = '', signature = ''] = good.slice('la_sk_'.length).split('.');

describe('tokens that are good', () => {
  it('S1 the token of 0.17.0 of section 3.1 is read', async () => {
    assert.deepEqual(await readToken(vector.token, createKeyring(vector.secret), INSTALLATION), {
      id: vector.id,
      expiresAt: vector.expires_at,
      legacy: true,
    });
  });

  it('one of 0.17.0 may lack a label', async () => {
    const { sub, iat, exp } = LEGACY_CLAIMS;
    const token = signed(LEGACY_HEADER, { sub, iat, exp });
    assert.equal((await readToken(token, keyring, INSTALLATION))?.legacy, true);
  });

  it('header and claims are exactly these, in this order', () => {
    assert.equal(good, signed(HEADER, CLAIMS));
    assert.match(good, TOKEN_PATTERN);
  });

  it('admin tokens carry their scope, and others none', async () => {
    const token = await mintToken({ ...FACTS, scope: 'admin' }, keyring, INSTALLATION);
    assert.equal(token, signed(HEADER, { ...CLAIMS, scope: 'admin' }));
    assert.equal((await readToken(token, keyring, INSTALLATION))?.id, FACTS.id);
  });

  it('what is minted is read, and the same facts always give the same token', async () => {
    const facts = fc.record({
      id: fc.uuid({ version: 4 }),
      issuedAt: fc.nat(),
      expiresAt: fc.nat(),
      label: fc.string({ unit: 'grapheme', maxLength: 64 }),
      scope: fc.constantFrom('client', 'admin'),
    });
    await fc.assert(
      fc.asyncProperty(facts, async (one) => {
        const token = await mintToken(one, keyring, INSTALLATION);
        assert.equal(token, await mintToken({ ...one }, createKeyring(SECRET), INSTALLATION));
        const expected = { id: one.id, expiresAt: one.expiresAt, legacy: false };
        assert.deepEqual(await readToken(token, keyring, INSTALLATION), expected);
      }),
    );
  });
});

describe('S5 keyring', () => {
  const OTHER = 'Zq8LmW2xR7cV4bN9sJ6kT1pF5hY3gD0aEoUiXyKwMzBnCvHt';

  it('the previous key verifies until it is dropped', async () => {
    const rotated = createKeyring(OTHER, [SECRET]);
    assert.ok(await readToken(good, rotated, INSTALLATION));
    assert.ok(await readToken(signed(LEGACY_HEADER, LEGACY_CLAIMS), rotated, INSTALLATION));
    assert.equal(await readToken(good, createKeyring(OTHER), INSTALLATION), undefined);
    assert.equal(await readToken(signed(LEGACY_HEADER, LEGACY_CLAIMS), createKeyring(OTHER), INSTALLATION), undefined);
  });

  it('the first key signs', async () => {
    const rotated = createKeyring(OTHER, [SECRET]);
    assert.equal(
      await mintToken(FACTS, rotated, INSTALLATION),
      await mintToken(FACTS, createKeyring(OTHER), INSTALLATION),
    );
  });

  it('a kid names its key and holds nothing of it', () => {
    assert.match(keyring.signing.kid, /^[\w-]{11}$/);
    assert.notEqual(keyring.signing.kid, createKeyring(OTHER).signing.kid);
    assert.equal(keyring.signing.kid, createKeyring(SECRET).signing.kid);
  });

  it('a key verifies only under its own name', async () => {
    const rotated = createKeyring(SECRET, [OTHER]);
    assert.equal(await readToken(signed(HEADER, CLAIMS, OTHER), rotated, INSTALLATION), undefined);
  });
});

describe('S2 S3 S6 forged tokens', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  /** The last character of 32 bytes in base64url has two bits that mean nothing. */
  const strayBits = ALPHABET[ALPHABET.indexOf(signature.at(-1) ?? '') + 1];
  const otherPayload = segment({ ...CLAIMS, label: 'other' });
  const { sub, ...noSub } = CLAIMS;
  const { iss, aud, ...plain } = CLAIMS;

  const FORGED: Readonly<Record<string, string>> = {
    nothing: '',
    'the prefix alone': 'la_sk_',
    'no prefix': good.slice('la_sk_'.length),
    'the prefix twice': `la_sk_${good}`,
    'another prefix': good.replace('la_sk_', 'sk-ant-'),
    'a prefix in capitals': good.replace('la_sk_', 'LA_SK_'),
    'a space before': ` ${good}`,
    'a line end after': `${good}\n`,
    'a NUL after': `${good}\0`,
    'two parts': `la_sk_${head}.${payload}`,
    'four parts': `${good}.${signature}`,
    'five parts (JWE)': `la_sk_${head}.${payload}.${signature}.${signature}.${signature}`,
    'no signature': `la_sk_${head}.${payload}.`,
    'a signature of zeros': `la_sk_${head}.${payload}.${'A'.repeat(43)}`,
    'a signature that is cut': good.slice(0, -1),
    'a signature that is too long': `${good}A`,
    'the signature of another token': `la_sk_${head}.${otherPayload}.${signature}`,
    'S6 stray bits in the signature': good.slice(0, -1) + strayBits,
    'S6 padding after the signature': `${good}=`,
    'S6 padding in the payload': `la_sk_${head}.${payload}=.${signature}`,
    'S6 the other base64 alphabet': `la_sk_${head}.${payload}.${signature.slice(0, 42)}+`,
    'S6 a space in the payload': `la_sk_${head}.${payload.slice(0, 5)} ${payload.slice(5)}.${signature}`,
    'S6 a payload of its own spelling': (() => {
      const input = `${head}.${payload}A`;
      return `la_sk_${input}.${mac(input)}`;
    })(),
    'alg none': `la_sk_${segment({ ...HEADER, alg: 'none' })}.${payload}.`,
    'alg none, signed': signed({ ...HEADER, alg: 'none' }, CLAIMS),
    'alg hs256': signed({ ...HEADER, alg: 'hs256' }, CLAIMS),
    'alg HS384': (() => {
      const input = `${segment({ ...HEADER, alg: 'HS384' })}.${payload}`;
      return `la_sk_${input}.${mac(input, SECRET, 'sha384')}`;
    })(),
    'alg RS256': (() => {
      const input = `${segment({ ...HEADER, alg: 'RS256' })}.${payload}`;
      return `la_sk_${input}.${sign('sha256', Buffer.from(input), rsa).toString('base64url')}`;
    })(),
    'alg RS256, signed with HMAC': signed({ ...HEADER, alg: 'RS256' }, CLAIMS),
    'alg twice': signed(`{"typ":"JWT","alg":"HS256","alg":"HS256","kid":"${HEADER.kid}"}`, CLAIMS),
    'no alg': signed({ typ: 'JWT', kid: HEADER.kid }, CLAIMS),
    'no typ': signed({ alg: 'HS256', kid: HEADER.kid }, CLAIMS),
    'another typ': signed({ ...HEADER, typ: 'at+jwt' }, CLAIMS),
    'header members in another order': signed({ alg: 'HS256', typ: 'JWT', kid: HEADER.kid }, CLAIMS),
    'a header with spaces': signed(JSON.stringify(HEADER, null, 1), CLAIMS),
    crit: signed({ ...HEADER, crit: ['exp'] }, CLAIMS),
    'b64 false': signed({ ...HEADER, b64: false, crit: ['b64'] }, CLAIMS),
    jku: signed({ ...HEADER, jku: 'https://evil.example/keys' }, CLAIMS),
    jwk: signed({ ...HEADER, jwk: { kty: 'oct', k: segment(SECRET) } }, CLAIMS),
    x5u: signed({ ...HEADER, x5u: 'https://evil.example/cert' }, CLAIMS),
    'a kid that nobody knows': signed({ ...HEADER, kid: 'AAAAAAAAAAA' }, CLAIMS),
    'a kid that is a path': signed({ ...HEADER, kid: '../../dev/null' }, CLAIMS, ''),
    'another key': signed(HEADER, CLAIMS, 'another secret'),
    'an empty key': signed(HEADER, CLAIMS, ''),
    'S3 another installation': signed(HEADER, { ...CLAIMS, aud: 'f2b2c3c0-0000-4000-8000-000000000000' }),
    'S3 several audiences': signed(HEADER, { ...CLAIMS, aud: [INSTALLATION] }),
    'S3 another issuer': signed(HEADER, { ...CLAIMS, iss: 'someone' }),
    'S3 no issuer and audience, though it names its key': signed(HEADER, LEGACY_CLAIMS),
    'S3 issuer and audience, but no key': signed(LEGACY_HEADER, CLAIMS),
    'S3 a scope in the form of 0.17.0': signed(LEGACY_HEADER, { ...LEGACY_CLAIMS, scope: 'admin' }),
    'S3 an unknown scope': signed(HEADER, { ...CLAIMS, scope: 'root' }),
    'S3 no sub': signed(HEADER, noSub),
    'S3 a sub that is no UUID': signed(HEADER, { ...CLAIMS, sub: 'a' }),
    'S3 a sub in capitals': signed(HEADER, { ...CLAIMS, sub: sub.toUpperCase() }),
    'S3 an exp that is text': signed(HEADER, { ...CLAIMS, exp: '1710892800' }),
    'S3 an exp with a fraction': signed(HEADER, { ...CLAIMS, exp: 1_710_892_800.5 }),
    'S3 an exp beyond all measure': signed(HEADER, JSON.stringify(CLAIMS).replace('1710892800', '1e400')),
    'S3 a negative iat': signed(HEADER, { ...CLAIMS, iat: -1 }),
    'S3 an unknown claim': signed(HEADER, { ...CLAIMS, nbf: 0 }),
    'S3 a claim twice': signed(HEADER, JSON.stringify(CLAIMS).replace('{', `{"sub":"${sub}",`)),
    'S3 claims in another order': signed(HEADER, { iss, aud, ...plain }),
    'S3 claims with spaces': signed(HEADER, JSON.stringify(CLAIMS, null, 1)),
    'S3 a payload that is a list': signed(HEADER, [CLAIMS, CLAIMS]),
    'S3 a payload that is no JSON': signed(HEADER, 'x'.repeat(40)),
    'S1 too long, though well signed': signed(HEADER, { ...CLAIMS, label: 'x'.repeat(MAX_TOKEN_BYTES) }),
  };

  it('are at least 40, and the table can tell', async () => {
    assert.ok(Object.keys(FORGED).length >= 40);
    assert.equal(signed(HEADER, CLAIMS), good);
    assert.ok(await readToken(good, keyring, INSTALLATION));
  });

  for (const [name, token] of Object.entries(FORGED)) {
    it(`refused: ${name}`, async () => {
      assert.notEqual(token, good);
      assert.equal(await readToken(token, keyring, INSTALLATION), undefined);
    });
  }

  it('S6 no other spelling of one character is accepted', async () => {
    const at = fc.nat({ max: good.length - 1 });
    const change = fc.constantFrom(...`${ALPHABET}.=+/ %é`.split(''));
    await fc.assert(
      fc.asyncProperty(at, change, async (index, character) => {
        const token = good.slice(0, index) + character + good.slice(index + 1);
        fc.pre(token !== good);
        assert.equal(await readToken(token, keyring, INSTALLATION), undefined);
      }),
    );
  });
});

it('S8 the digest is SHA-256 of the whole token, base64url', () => {
  assert.equal(tokenDigest('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
});
