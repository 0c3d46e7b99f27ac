import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientCredentials, withoutKey } from './credentials.ts';
import { HeaderList } from './headers.ts';

const found = (headers: string[], query = '') => clientCredentials(new HeaderList(headers), query);

test('CL2 every place in which clients put the token is read, each value once', () => {
  const headers = ['Authorization', 'bearer one', 'X-API-Key', 'two', 'x-goog-api-key', 'three', 'api-key', 'two'];
  assert.deepEqual(found(headers, 'beta=true&key=four'), ['one', 'two', 'three', 'four']);
});

test('CL2 what is no Bearer value is no candidate', () => {
  for (const value of ['Basic abc', 'Bearer', 'Bearer a b', 'one', ''])
    assert.deepEqual(found(['authorization', value]), []);
});

test('a request cannot make the router check any number of tokens', () => {
  const many = Array.from({ length: 50 }, (_, i) => ['x-api-key', `k${i}`]).flat();
  assert.equal(found(many).length, 8);
});

test('CL1 the query goes on as it is, without the credential, however it is spelt', () => {
  assert.equal(withoutKey('beta=true'), 'beta=true');
  assert.equal(withoutKey('a=%20+b&key=secret&c'), 'a=%20+b&c');
  assert.equal(withoutKey('k%65y=secret&a=1'), 'a=1');
  assert.equal(withoutKey('key=a&key=b'), '');
  assert.equal(withoutKey('monkey=1'), 'monkey=1');
});
