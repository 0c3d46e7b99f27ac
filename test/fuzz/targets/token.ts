import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createKeyring, mintToken, readToken, TOKEN_PATTERN, type TokenFacts } from '../../../src/tokens/format.ts';
import { createTokenService } from '../../../src/tokens/service.ts';
import { RouterError } from '../../../src/errors.ts';
import type { Target } from '../target.ts';

const SECRET = 'q8ZrT5wLx2VbN7cKdY4mPf9hJ3gS6aEoUiXnBtRkWzHvMyQj';
const PREVIOUS = 'Zk4pW9sXn6RtB3yHq7LmVc2dJf8gTa5eUoIiMxNbKrQwEzSv';
const HERE = 'here';
const keyring = createKeyring(SECRET, [PREVIOUS]);
const header = JSON.stringify({ typ: 'JWT', alg: 'HS256', kid: keyring.signing.kid });
const plainHeader = '{"typ":"JWT","alg":"HS256"}';
const claims = '"sub":"550e8400-e29b-41d4-a716-446655440000","iat":1710806400,"exp":1710892800,"label":"a"';
const issued = `{${claims},"iss":"link-assistant-router","aud":"${HERE}"}`;

/**
 * Texts in the place of a token. An input that holds a NUL is a header and a payload to sign, so that what lies behind the
 * signature is reached. Nothing throws, an accepted text has no other spelling, and the store hears of nothing else.
 */
export const token: Target = {
  name: 'token',
  modules: ['tokens/format.ts', 'tokens/service.ts', 'tokens/cache.ts'],
  seeds: [
    `${header}\0${issued}`,
    `${header}\0${issued.replace('}', ',"scope":"admin"}')}`,
    `${plainHeader}\0{${claims}}`,
    signed(header, issued),
    'la_sk_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ],
  words: [
    ...['la_sk_', 'eyJ', '.', '=', '\0', ' ', '"alg":"none"', '"alg":"HS256",', '"typ":"JWT",', '"crit":["exp"],'],
    ...[
      '"sub":"',
      '"iat":',
      '"exp":',
      '"label":',
      '"iss":"',
      '"aud":',
      '"scope":"admin"',
      '1e3',
      '-1',
      '1.0',
      '{',
      '}',
    ],
    ...['\\u0061', '\ud83d\ude00', '"nbf":0,', 'null', 'A'.repeat(43)],
  ],
  async check(input) {
    const text = presented(input);
    const read = await readToken(text, keyring, HERE);
    const { verdict, asked } = await verify(text);
    assert.deepEqual(asked, read ? [read.id] : []);
    assert.equal(verdict, 'refused', 'the store knows no token');
    if (!read) return;
    assert.match(text, TOKEN_PATTERN);
    assert.ok(text.length <= 2048);
    assert.equal(await writtenAgain(text, read.legacy), text);
  },
};

function presented(input: Buffer): string {
  const mark = input.indexOf(0);
  if (mark < 0) return input.toString();
  return signed(input.toString('utf8', 0, mark), input.toString('utf8', mark + 1));
}

function signed(head: string, payload: string, secret = SECRET): string {
  const content = [head, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `la_sk_${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/** The one spelling of what an accepted token says. */
async function writtenAgain(text: string, legacy: boolean): Promise<string> {
  const { sub, iat, exp, label, scope } = JSON.parse(
    Buffer.from(text.split('.')[1]!, 'base64url').toString(),
  ) as Record<'sub' | 'label', string> & Record<'iat' | 'exp', number> & { scope?: 'admin' };
  if (legacy) return signed(plainHeader, JSON.stringify({ sub, iat, exp, label }));
  const facts: TokenFacts = {
    id: sub,
    issuedAt: iat,
    expiresAt: exp,
    label,
    scope: scope ?? 'client',
  };
  return mintToken(facts, keyring, HERE);
}

/** What a service says whose store knows nobody, and which ids it asked the store about. */
async function verify(text: string): Promise<{ verdict: string; asked: string[] }> {
  const asked: string[] = [];
  const none = () => Promise.reject(new RouterError('internal', 'not to be asked'));
  const find = async (id: string) => {
    asked.push(id);
    return undefined;
  };
  const tokens = {
    find,
    insert: none,
    list: none,
    revoke: none,
    expire: none,
    replace: none,
    import: none,
    totals: none,
  };
  const service = createTokenService({
    store: { tokens, changedElsewhere: async () => false },
    keyring,
    installation: HERE,
    now: () => 0,
  });
  assert.equal(service.cached(text), undefined);
  return { verdict: (await service.verify(text)).kind, asked };
}
