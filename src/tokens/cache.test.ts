import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TokenRecord } from '../store/store.ts';
import { TokenCache } from './cache.ts';

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

it('S28 holds the 10,000 tokens that were checked last', () => {
  const cache = new TokenCache(() => 0);
  for (let index = 0; index < 10_000; index += 1) cache.set(`token ${index}`, record, 1000);
  assert.equal(cache.get('token 0'), record);
  cache.set('one more', record, 1000);
  assert.equal(cache.get('token 0'), undefined);
  assert.equal(cache.get('token 1'), record);
  assert.equal(cache.get('one more'), record);
});

it('a token that is set again takes no second place', () => {
  const cache = new TokenCache(() => 0);
  cache.set('first', record, 1000);
  for (let index = 0; index < 20_000; index += 1) cache.set('again', record, 1000);
  assert.equal(cache.get('first'), record);
});

it('S6 one token never answers for another', () => {
  const cache = new TokenCache(() => 0);
  cache.set('token', record, 1000);
  for (const other of ['', 'toke', 'token ', 'Token', 'token\0']) assert.equal(cache.get(other), undefined);
});
