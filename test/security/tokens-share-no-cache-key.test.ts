import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { TokenRecord } from '../../src/store/store.ts';
import { TokenCache } from '../../src/tokens/cache.ts';
import { createKeyring, mintToken, tokenDigest } from '../../src/tokens/format.ts';

const record: TokenRecord = {
  id: 'a',
  digest: 'digest',
  last4: 'last',
  label: '',
  scope: 'client',
  account: null,
  issuedAt: 0,
  expiresAt: 1000,
  revokedAt: null,
};
const keyring = createKeyring('q8ZrT5wLx2VbN7cKdY4mPf9hJ3gS6aEoUiXnBtRkWzHvMyQj');

/** Real tokens, which share their header and most of their payload, and neighbours of them. */
const tokens = fc
  .record({ id: fc.uuid({ version: 4 }), issuedAt: fc.nat(), expiresAt: fc.nat(), label: fc.string({ maxLength: 8 }) })
  .map((facts) => mintToken({ ...facts, scope: 'client' }, keyring, 'here'));

test('R2 S6 no two tokens share a cache key: neither by a common start nor by a common end', async () => {
  await fc.assert(
    fc.asyncProperty(
      tokens,
      tokens,
      fc.nat({ max: 400 }),
      fc.constantFrom('', 'A', '=', ' ', '\0', 'é'),
      async (a, b, at, put) => {
        const [one, two] = [await a, await b];
        const near = one.slice(0, at) + put + one.slice(at + 1);
        for (const other of [two, near, one.slice(0, at), one + put, one.toUpperCase()]) {
          if (other === one) continue;
          assert.notEqual(tokenDigest(one), tokenDigest(other));
          const cache = new TokenCache(() => 0);
          cache.set(one, record, 1000);
          assert.equal(cache.get(other), undefined);
          assert.equal(cache.get(one), record);
        }
      },
    ),
    { numRuns: 500 },
  );
});
