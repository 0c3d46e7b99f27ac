import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { RouterError } from '../errors.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store, TokenRecord, TokenStore } from '../store/store.ts';
import type { IssueRequest } from './bounds.ts';
import { createKeyring, mintToken, tokenDigest } from './format.ts';
import { createTokenService, type IssuedToken, type TokenService } from './service.ts';

const SECRET = 'mJx3dV0tq9sWc7ZkYb2nUe5oLr8PhGfA1iTQvDzN4XyK6wES';
const INSTALLATION = 'installation';
const keyring = createKeyring(SECRET);
const START = 1_800_000_000_000;
const HOUR = 3_600_000;

const vector: { secret: string; token: string; id: string; issued_at: number; expires_at: number } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/tokens/token-0.17.0.json', import.meta.url), 'utf8'),
);
const vectorRecord: TokenRecord = {
  id: vector.id,
  digest: null,
  last4: '',
  label: 'my-token',
  scope: 'client',
  account: null,
  issuedAt: vector.issued_at,
  expiresAt: vector.expires_at,
  revokedAt: null,
};

let store: Store;
let clock: number;
/** Reads of a record so far. */
let finds: number;
/** Awaited by every read of a record after it was read. */
let afterFind: () => Promise<unknown>;
let changed: boolean;
let service: TokenService;

const isStoreError = (error: unknown) => error instanceof RouterError && error.code === 'store_unavailable';

async function hearsOfChange(): Promise<boolean> {
  const answer = changed;
  changed = false;
  return answer;
}

/** A service on the store, with reads that the tests count and hold up. */
function serviceOn(members: { installation?: string; keyring?: typeof keyring } = {}): TokenService {
  const tokens: TokenStore = {
    insert: (record) => store.tokens.insert(record),
    list: () => store.tokens.list(),
    revoke: (id, at) => store.tokens.revoke(id, at),
    expire: (id, at) => store.tokens.expire(id, at),
    replace: (id, successor, at) => store.tokens.replace(id, successor, at),
    import: (records) => store.tokens.import(records),
    totals: () => store.tokens.totals(),
    async find(id) {
      finds += 1;
      const record = await store.tokens.find(id);
      await afterFind();
      return record;
    },
  };
  return createTokenService({
    store: { tokens, changedElsewhere: hearsOfChange },
    keyring,
    installation: INSTALLATION,
    now: () => clock,
    ...members,
  });
}

beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' });
  clock = START;
  finds = 0;
  afterFind = async () => undefined;
  changed = false;
  service = serviceOn();
});
afterEach(() => store.close());

describe('issue', () => {
  it('gives a token that is valid for 24 hours, and keeps its record', async () => {
    const { token, record } = await service.issue();
    assert.deepEqual(record, {
      id: record.id,
      digest: tokenDigest(token),
      last4: token.slice(-4),
      label: '',
      scope: 'client',
      account: null,
      issuedAt: START / 1000,
      expiresAt: START / 1000 + 24 * 3600,
      revokedAt: null,
    });
    assert.deepEqual(await service.find(record.id), record);
    assert.deepEqual(await service.list(), [record]);
    assert.deepEqual(await service.verify(token), { kind: 'valid', record });
    assert.equal(token, await mintToken(record, keyring, INSTALLATION));
  });

  it('takes what is asked for, up to the bounds', async () => {
    for (const request of [
      { label: 'Zoë-1', ttlHours: 1, account: 'a', scope: 'admin' },
      { label: 'ж'.repeat(64), ttlHours: 87_600, account: 'A'.repeat(64), scope: 'client' },
      { label: 'a.b_c:d@e-f g', account: null },
    ] satisfies IssueRequest[]) {
      const { token, record } = await service.issue(request);
      const { ttlHours = 24, scope = 'client', ...same }: IssueRequest = request;
      const hours = (record.expiresAt - record.issuedAt) / 3600;
      assert.deepEqual(
        [record.label, record.account, record.scope, hours],
        [same.label, same.account, scope, ttlHours],
      );
      assert.equal((await service.verify(token)).kind, 'valid');
    }
  });

  for (const [request, bound] of [
    [{ ttlHours: 0 }, /ttl_hours .* 1 to 87600/],
    [{ ttlHours: -1 }, /ttl_hours .* 1 to 87600/],
    [{ ttlHours: 87_601 }, /ttl_hours .* 1 to 87600/],
    [{ ttlHours: 1.5 }, /ttl_hours/],
    [{ ttlHours: Number.NaN }, /ttl_hours/],
    [{ label: 'x'.repeat(65) }, /label .* 64/],
    [{ label: 'a\nb' }, /label/],
    [{ label: '<b>' }, /label/],
    [{ account: '' }, /account .* 1 to 64/],
    [{ account: 'a/b' }, /account/],
    [{ account: 'a'.repeat(65) }, /account/],
  ] as const) {
    it(`refuses ${JSON.stringify(request)}`, async () => {
      await assert.rejects(service.issue(request), { code: 'invalid_request', message: bound });
      assert.deepEqual(await service.list(), []);
    });
  }

  it('refuses a scope that there is not', async () => {
    const request: IssueRequest = JSON.parse('{"scope":"root"}');
    await assert.rejects(service.issue(request), { code: 'invalid_request', message: /scope/ });
  });

  it('counts', async () => {
    const { record } = await service.issue();
    await service.issue();
    await service.revoke(record.id);
    assert.deepEqual(await service.totals(), { issued: 2, revoked: 1 });
  });
});

describe('verify', () => {
  let issued: IssuedToken;
  beforeEach(async () => {
    issued = await service.issue();
  });
  const verdict = async (token = issued.token) => (await service.verify(token)).kind;

  it('S7 asks the store only about tokens that were signed here', async () => {
    const { token } = issued;
    const forged = `${token.slice(0, -43)}${'A'.repeat(43)}`;
    for (const one of ['', 'la_sk_x', forged, `${token}x`, 'x'.repeat(1_000_000)]) {
      assert.equal(await verdict(one), 'refused');
      assert.equal(service.cached(one), undefined);
    }
    assert.equal(finds, 0);
  });

  it('an id that the store does not know is refused', async () => {
    const stranger = { ...issued.record, id: '00000000-0000-4000-8000-000000000000' };
    assert.equal(await verdict(await mintToken(stranger, keyring, INSTALLATION)), 'refused');
  });

  it('a token of another installation is refused', async () => {
    service = serviceOn({ installation: 'another' });
    assert.equal(await verdict(), 'refused');
    assert.equal(finds, 0);
  });

  it('S9 a token that is well signed but not the one of its record is refused', async () => {
    const promoted = await mintToken({ ...issued.record, scope: 'admin' }, keyring, INSTALLATION);
    assert.equal(await verdict(promoted), 'refused');
    const prolonged = await mintToken({ ...issued.record, expiresAt: 2_000_000_000 }, keyring, INSTALLATION);
    assert.equal(await verdict(prolonged), 'refused');
  });

  it('ends at its second, without leeway', async () => {
    clock = START + 24 * HOUR - 1;
    assert.equal(await verdict(), 'valid');
    clock += 1;
    assert.equal(service.cached(issued.token), undefined);
    assert.equal(await verdict(), 'refused');
  });

  it('revoked and expired ones', async () => {
    assert.equal(await service.revoke(issued.record.id), 'revoked');
    assert.equal(await verdict(), 'revoked');
    const other = await service.issue();
    assert.equal(await service.expire(other.record.id), 'expired');
    assert.equal(await verdict(other.token), 'refused');
    assert.equal(await service.revoke('none'), 'unknown');
    assert.equal(await service.expire('none'), 'unknown');
  });

  it('a store that fails is told as such, and nothing is taken as good', async () => {
    await store.close();
    await assert.rejects(service.verify(issued.token), isStoreError);
    assert.equal(service.cached(issued.token), undefined);
    for (const attempt of [
      () => service.issue(),
      () => service.list(),
      () => service.find('a'),
      () => service.revoke('a'),
      () => service.expire('a'),
      () => service.rotate('a'),
      () => service.totals(),
    ]) {
      await assert.rejects(attempt, isStoreError);
    }
  });
});

describe('tokens of 0.17.0', () => {
  beforeEach(() => {
    clock = vector.issued_at * 1000;
    service = serviceOn({ keyring: createKeyring(vector.secret) });
  });

  it('are refused without an imported record', async () => {
    assert.deepEqual(await service.verify(vector.token), { kind: 'refused' });
  });

  it('are good through their imported record', async () => {
    await store.tokens.import([vectorRecord]);
    assert.deepEqual(await service.verify(vector.token), { kind: 'valid', record: vectorRecord });
    assert.deepEqual(service.cached(vector.token), vectorRecord);
  });

  it('end with their record, and with their own claim', async () => {
    await store.tokens.import([{ ...vectorRecord, expiresAt: vector.expires_at + 1000 }]);
    clock = vector.expires_at * 1000 - 1;
    assert.equal((await service.verify(vector.token)).kind, 'valid');
    clock += 1;
    assert.equal(service.cached(vector.token), undefined);
    assert.equal((await service.verify(vector.token)).kind, 'refused');
    await store.tokens.expire(vector.id, vector.issued_at + 10);
    clock = (vector.issued_at + 10) * 1000;
    assert.equal((await service.verify(vector.token)).kind, 'refused');
  });

  it('are refused for a record that was issued here', async () => {
    await store.tokens.insert({ ...vectorRecord, digest: 'of another token' });
    assert.equal((await service.verify(vector.token)).kind, 'refused');
  });

  it('an imported record admits no token in the form of today', async () => {
    await store.tokens.import([vectorRecord]);
    const token = await mintToken(vectorRecord, createKeyring(vector.secret), INSTALLATION);
    assert.equal((await service.verify(token)).kind, 'refused');
  });

  it('can be rotated into one of today', async () => {
    await store.tokens.import([vectorRecord]);
    const rotated = await service.rotate(vector.id);
    assert.ok(rotated?.record.digest);
    assert.equal((await service.verify(rotated.token)).kind, 'valid');
    assert.equal((await service.verify(vector.token)).kind, 'revoked');
  });

  it('a label that is too long for a token keeps it from being rotated, and changes nothing', async () => {
    await store.tokens.import([{ ...vectorRecord, label: 'x'.repeat(3000) }]);
    await assert.rejects(service.rotate(vector.id), { code: 'invalid_request', message: /label/ });
    assert.equal((await service.find(vector.id))?.revokedAt, null);
  });

  it('with a label of their own spelling are good as well', async () => {
    const header = Buffer.from('{"typ":"JWT","alg":"HS256"}').toString('base64url');
    const claims = `{"sub":"${vector.id}","iat":1710806400,"exp":1710892800,"label":"Zoë \\"🦊\\" \\u0001"}`;
    const input = `${header}.${Buffer.from(claims).toString('base64url')}`;
    const token = `la_sk_${input}.${createHmac('sha256', vector.secret).update(input).digest('base64url')}`;
    await store.tokens.import([vectorRecord]);
    assert.equal((await service.verify(token)).kind, 'valid');
  });
});

describe('rotate', () => {
  it('gives a successor with the same label, scope, account and length of life', async () => {
    const old = await service.issue({ label: 'ci', ttlHours: 5, account: 'primary', scope: 'admin' });
    clock += HOUR;
    const rotated = await service.rotate(old.record.id);
    const { label, account, scope, issuedAt, expiresAt } = rotated?.record ?? old.record;
    assert.deepEqual([label, account, scope, expiresAt - issuedAt], ['ci', 'primary', 'admin', 5 * 3600]);
    assert.equal(issuedAt, clock / 1000);
    assert.equal((await service.verify(old.token)).kind, 'revoked');
    assert.equal((await service.verify(rotated?.token ?? '')).kind, 'valid');
  });

  it('gives none to a token that is unknown, revoked or expired', async () => {
    const [revoked, expired] = [await service.issue(), await service.issue()];
    await service.revoke(revoked.record.id);
    await service.expire(expired.record.id);
    for (const id of ['none', revoked.record.id, expired.record.id]) {
      assert.equal(await service.rotate(id), undefined);
    }
    assert.equal((await service.list()).length, 2);
  });

  it('two at once give one successor', async () => {
    const { record } = await service.issue();
    const rotated = await Promise.all([service.rotate(record.id), service.rotate(record.id)]);
    assert.equal(rotated.filter((one) => one !== undefined).length, 1);
    assert.equal((await service.list()).length, 2);
  });
});

describe('cached', () => {
  let issued: IssuedToken;
  beforeEach(async () => {
    issued = await service.issue();
    await service.verify(issued.token);
  });

  it('knows what verify found good, for 30 s', () => {
    assert.deepEqual(service.cached(issued.token), issued.record);
    clock += 29_999;
    assert.deepEqual(service.cached(issued.token), issued.record);
    clock += 1;
    assert.equal(service.cached(issued.token), undefined);
  });

  it('P8 a clock that is set back does not lengthen that', () => {
    clock -= 1;
    assert.equal(service.cached(issued.token), undefined);
  });

  it('forgets a token before the promise of its end resolves, and no other', async () => {
    for (const way of ['revoke', 'expire', 'rotate'] as const) {
      const [ending, staying] = [await service.issue(), await service.issue()];
      await service.verify(ending.token);
      await service.verify(staying.token);
      await service[way](ending.record.id);
      assert.equal(service.cached(ending.token), undefined);
      assert.deepEqual(service.cached(staying.token), staying.record);
    }
  });

  it('is not filled by an answer from before a revocation', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: wasRead, resolve: read } = Promise.withResolvers<void>();
    clock += 30_000;
    afterFind = () => {
      read();
      afterFind = async () => undefined;
      return gate;
    };
    const verifying = service.verify(issued.token);
    await wasRead;
    await service.revoke(issued.record.id);
    open();
    assert.deepEqual(await verifying, { kind: 'revoked' });
    assert.equal(service.cached(issued.token), undefined);
  });

  it('is not filled by an answer from before a change elsewhere was heard of', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: wasRead, resolve: read } = Promise.withResolvers<void>();
    await service.recheck();
    afterFind = () => {
      read();
      afterFind = async () => undefined;
      return gate;
    };
    const verifying = service.verify(issued.token);
    await wasRead;
    await store.tokens.revoke(issued.record.id, clock / 1000);
    changed = true;
    await service.recheck();
    open();
    assert.deepEqual(await verifying, { kind: 'revoked' });
    assert.equal(service.cached(issued.token), undefined);
  });
});

describe('watch and recheck', () => {
  let issued: IssuedToken;
  let ended: string[];
  const watch = (name = 'stream', id = issued.record.id) => service.watch(id, () => ended.push(name));
  beforeEach(async () => {
    issued = await service.issue();
    ended = [];
    await service.recheck();
  });

  for (const way of ['revoke', 'expire', 'rotate'] as const) {
    it(`${way} ends every stream of the token before it resolves, once, and no other`, async () => {
      const other = await service.issue();
      watch('a');
      watch('b');
      watch('other', other.record.id);
      await service[way](issued.record.id);
      assert.deepEqual(ended, ['a', 'b']);
      await service[way](issued.record.id);
      await service.recheck();
      assert.deepEqual(ended, ['a', 'b']);
    });
  }

  it('a stream that is over hears nothing', async () => {
    watch('a')();
    const unwatch = watch('b');
    watch('c');
    unwatch();
    unwatch();
    await service.revoke(issued.record.id);
    assert.deepEqual(ended, ['c']);
  });

  it('a stream that another one takes along hears nothing', async () => {
    let unwatch: (() => void) | undefined;
    service.watch(issued.record.id, () => unwatch?.());
    unwatch = watch('b');
    watch('c');
    await service.revoke(issued.record.id);
    assert.deepEqual(ended, ['c']);
  });

  it('hears of revocation and expiry by other processes', async () => {
    const other = await service.issue();
    const staying = await service.issue();
    await service.verify(issued.token);
    watch('revoked');
    watch('expired', other.record.id);
    watch('staying', staying.record.id);
    await service.recheck();
    await store.tokens.revoke(issued.record.id, clock / 1000);
    await store.tokens.expire(other.record.id, clock / 1000);
    await service.recheck();
    assert.deepEqual(ended, []);
    changed = true;
    await service.recheck();
    assert.deepEqual(ended, ['revoked', 'expired']);
    assert.equal(service.cached(issued.token), undefined);
  });

  it('a record that went away is dead', async () => {
    watch('gone', 'no such id');
    await service.recheck();
    assert.deepEqual(ended, ['gone']);
  });

  it('hears of an end between the check of the token and the watch', async () => {
    await store.tokens.revoke(issued.record.id, clock / 1000);
    watch();
    await service.recheck();
    assert.deepEqual(ended, ['stream']);
  });

  it('a token whose time is over ends its streams, though nothing changed', async () => {
    watch();
    await service.recheck();
    clock += 24 * HOUR - 1;
    await service.recheck();
    assert.deepEqual(ended, []);
    clock += 1;
    await service.recheck();
    assert.deepEqual(ended, ['stream']);
  });

  it('reads a record again only when there is a reason', async () => {
    watch();
    await service.recheck();
    finds = 0;
    await service.recheck();
    assert.equal(finds, 0);
    changed = true;
    await service.recheck();
    assert.equal(finds, 1);
  });

  it('drops what was cached before the first look', async () => {
    const fresh = serviceOn();
    await fresh.verify(issued.token);
    await store.tokens.revoke(issued.record.id, clock / 1000);
    await fresh.recheck();
    assert.equal(fresh.cached(issued.token), undefined);
  });

  it('a change that could not be followed up is followed up later', async () => {
    watch();
    await service.recheck();
    await store.tokens.revoke(issued.record.id, clock / 1000);
    changed = true;
    afterFind = async () => {
      throw new Error('disk I/O error');
    };
    await assert.rejects(service.recheck(), isStoreError);
    assert.deepEqual(ended, []);
    afterFind = async () => undefined;
    await service.recheck();
    assert.deepEqual(ended, ['stream']);
  });

  it('calls that overlap are one', async () => {
    watch();
    finds = 0;
    await Promise.all([service.recheck(), service.recheck()]);
    assert.equal(finds, 1);
  });
});
