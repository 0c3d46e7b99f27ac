import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DuplicateTokenError, type Store, type TokenRecord, type UsageRow } from '../../src/store/store.ts';

/** One implementation, as the suite needs it. */
export interface StoreUnderTest {
  /** A handle on an empty store. */
  open(): Promise<Store>;
  /** Removes the store. The suite closes its handles before. */
  remove(): void;
}

/** One that several processes use at once, and that outlives them. */
export interface SharedStoreUnderTest extends StoreUnderTest {
  /** Another handle on the same store, as another process would have it. */
  openAgain(): Promise<Store>;
}

export function tokenRecord(members: Partial<TokenRecord> = {}): TokenRecord {
  const id = members.id ?? randomUUID();
  return {
    id,
    digest: `digest of ${id}`,
    last4: 'abcd',
    label: 'laptop of Zoë 🦊',
    scope: 'client',
    account: null,
    issuedAt: 1_700_000_000,
    expiresAt: 1_700_086_400,
    revokedAt: null,
    ...members,
  };
}

export function importedRecord(members: Partial<TokenRecord> = {}): TokenRecord {
  return tokenRecord({ digest: null, last4: '', ...members });
}

export function usageRow(members: Partial<UsageRow> = {}): UsageRow {
  return {
    requestId: randomUUID(),
    startedAt: 1_700_000_000_123,
    tokenId: 'token',
    route: 'messages',
    upstream: 'anthropic',
    account: 'api-key',
    model: 'claude-sonnet-4-5',
    status: 200,
    streamed: true,
    ended: 'complete',
    attempts: 1,
    inputTokens: 1,
    outputTokens: 2,
    cacheWriteTokens: 3,
    cacheWrite1hTokens: 4,
    cacheReadTokens: 5,
    estimated: false,
    bytesToUpstream: 6,
    bytesFromUpstream: 7,
    durationMs: 8.5,
    firstByteMs: 0.25,
    upstreamRequestId: 'req_1',
    ...members,
  };
}

/** Every sentence of the contracts in `src/store/store.ts`. */
export function storeContract(name: string, make: () => StoreUnderTest): void {
  describe(`store contract: ${name}`, () => {
    let subject: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      subject = make();
      store = await subject.open();
    });
    afterEach(async () => {
      await store.close();
      subject.remove();
    });

    describe('tokens', () => {
      it('gives back what was inserted', async () => {
        const issued = tokenRecord({ scope: 'admin', account: 'primary', revokedAt: 1_700_000_001 });
        const imported = importedRecord();
        await store.tokens.insert(issued);
        await store.tokens.insert(imported);
        assert.deepEqual(await store.tokens.find(issued.id), issued);
        assert.deepEqual(await store.tokens.find(imported.id), imported);
        assert.equal(await store.tokens.find('none'), undefined);
      });

      it('refuses an id that is taken, and changes nothing', async () => {
        const first = tokenRecord();
        await store.tokens.insert(first);
        await assert.rejects(store.tokens.insert(tokenRecord({ id: first.id, label: 'second' })), DuplicateTokenError);
        assert.deepEqual(await store.tokens.list(), [first]);
      });

      it('lists all, oldest first, ties by id', async () => {
        const late = tokenRecord({ id: 'a', issuedAt: 30 });
        const tieB = tokenRecord({ id: 'c', issuedAt: 20 });
        const tieA = tokenRecord({ id: 'b', issuedAt: 20, revokedAt: 25 });
        for (const record of [late, tieB, tieA]) await store.tokens.insert(record);
        assert.deepEqual(await store.tokens.list(), [tieA, tieB, late]);
      });

      it('revokes once: the first time is kept', async () => {
        const record = tokenRecord();
        await store.tokens.insert(record);
        assert.equal(await store.tokens.revoke(record.id, 100), 'revoked');
        assert.equal(await store.tokens.revoke(record.id, 200), 'revoked');
        assert.deepEqual(await store.tokens.find(record.id), { ...record, revokedAt: 100 });
      });

      it('answers unknown for an id that is not there, and changes nothing', async () => {
        const record = tokenRecord();
        await store.tokens.insert(record);
        assert.equal(await store.tokens.revoke('none', 100), 'unknown');
        assert.equal(await store.tokens.expire('none', 100), 'unknown');
        assert.equal(await store.tokens.replace('none', tokenRecord(), 100), 'unknown');
        assert.deepEqual(await store.tokens.list(), [record]);
      });

      it('moves the expiry to an earlier moment, never to a later one', async () => {
        const record = tokenRecord({ expiresAt: 1000 });
        await store.tokens.insert(record);
        assert.equal(await store.tokens.expire(record.id, 500), 'expired');
        assert.equal(await store.tokens.expire(record.id, 900), 'expired');
        assert.deepEqual(await store.tokens.find(record.id), { ...record, expiresAt: 500 });
      });

      it('replaces a token by its successor', async () => {
        const [old, successor] = [tokenRecord(), tokenRecord()];
        await store.tokens.insert(old);
        assert.equal(await store.tokens.replace(old.id, successor, 100), 'replaced');
        assert.deepEqual(await store.tokens.find(old.id), { ...old, revokedAt: 100 });
        assert.deepEqual(await store.tokens.find(successor.id), successor);
      });

      it('replaces nothing when the token is revoked', async () => {
        const [old, successor] = [tokenRecord({ revokedAt: 50 }), tokenRecord()];
        await store.tokens.insert(old);
        assert.equal(await store.tokens.replace(old.id, successor, 100), 'unknown');
        assert.deepEqual(await store.tokens.list(), [old]);
      });

      it('replaces nothing when the id of the successor is taken', async () => {
        const [old, other] = [tokenRecord({ issuedAt: 1 }), tokenRecord({ issuedAt: 2 })];
        await store.tokens.insert(old);
        await store.tokens.insert(other);
        const successor = tokenRecord({ id: other.id });
        await assert.rejects(store.tokens.replace(old.id, successor, 100), DuplicateTokenError);
        assert.deepEqual(await store.tokens.list(), [old, other]);
      });

      it('one of many replacements at once wins', async () => {
        const old = tokenRecord();
        await store.tokens.insert(old);
        const outcomes = await Promise.all([1, 2, 3].map((at) => store.tokens.replace(old.id, tokenRecord(), at)));
        assert.deepEqual(outcomes.toSorted(), ['replaced', 'unknown', 'unknown']);
        assert.equal((await store.tokens.list()).length, 2);
      });
    });

    describe('import', () => {
      it('inserts what is new and counts it', async () => {
        const records = [importedRecord({ issuedAt: 1 }), importedRecord({ issuedAt: 2, revokedAt: 2 })];
        assert.equal(await store.tokens.import(records), 2);
        assert.deepEqual(await store.tokens.list(), records);
      });

      it('counts nothing when nothing changed', async () => {
        const record = importedRecord();
        await store.tokens.import([record]);
        assert.equal(await store.tokens.import([record, record]), 0);
      });

      it('a revocation stays, and one that is news comes over', async () => {
        const [revoked, good] = [importedRecord({ revokedAt: 50 }), importedRecord()];
        await store.tokens.import([revoked, good]);
        const changed = await store.tokens.import([
          { ...revoked, revokedAt: null },
          { ...good, revokedAt: 70 },
        ]);
        assert.equal(changed, 1);
        assert.equal((await store.tokens.find(revoked.id))?.revokedAt, 50);
        assert.equal((await store.tokens.find(good.id))?.revokedAt, 70);
      });

      it('the earlier expiry wins', async () => {
        const [a, b] = [importedRecord({ expiresAt: 500 }), importedRecord({ expiresAt: 500 })];
        await store.tokens.import([a, b]);
        const changed = await store.tokens.import([
          { ...a, expiresAt: 400 },
          { ...b, expiresAt: 600 },
        ]);
        assert.equal(changed, 1);
        assert.equal((await store.tokens.find(a.id))?.expiresAt, 400);
        assert.equal((await store.tokens.find(b.id))?.expiresAt, 500);
      });

      it('digest, scope and account of a token issued here stay', async () => {
        const issued = tokenRecord({ scope: 'admin', account: 'primary' });
        await store.tokens.insert(issued);
        const disguise = importedRecord({
          id: issued.id,
          scope: 'client',
          account: null,
          expiresAt: issued.expiresAt - 1,
        });
        assert.equal(await store.tokens.import([disguise]), 1);
        assert.deepEqual(await store.tokens.find(issued.id), { ...issued, expiresAt: issued.expiresAt - 1 });
      });

      it('merges records of one id among each other', async () => {
        const record = importedRecord();
        assert.equal(await store.tokens.import([record, { ...record, revokedAt: 9 }]), 1);
        assert.equal((await store.tokens.find(record.id))?.revokedAt, 9);
      });

      it('imports all or nothing', async () => {
        const broken = Object.assign(importedRecord(), { label: null });
        await assert.rejects(store.tokens.import([importedRecord(), broken]));
        assert.deepEqual(await store.tokens.list(), []);
      });
    });

    it('counts issued and revoked tokens, imported ones left out', async () => {
      assert.deepEqual(await store.tokens.totals(), { issued: 0, revoked: 0 });
      const record = tokenRecord();
      await store.tokens.insert(record);
      await store.tokens.import([importedRecord(), importedRecord({ revokedAt: 5 })]);
      await store.tokens.replace(record.id, tokenRecord(), 5);
      assert.deepEqual(await store.tokens.totals(), { issued: 2, revoked: 1 });
    });

    describe('usage', () => {
      it('gives back what was appended, in groups of every size', async () => {
        for (const size of [0, 1, 7, 8, 73, 137]) {
          const rows = Array.from({ length: size }, (_, index) => usageRow({ inputTokens: index }));
          await store.usage.append(rows);
          for (const row of rows) assert.deepEqual(await store.usage.find(row.requestId), row);
        }
        assert.equal(await store.usage.find('none'), undefined);
      });

      it('keeps every member apart, also where it is null or an estimate', async () => {
        const row = usageRow({
          upstream: null,
          account: null,
          model: null,
          streamed: false,
          estimated: true,
          firstByteMs: null,
          upstreamRequestId: null,
        });
        await store.usage.append([row]);
        assert.deepEqual(await store.usage.find(row.requestId), row);
      });

      it('settling twice counts once', async () => {
        const row = usageRow({ tokenId: 'twice' });
        await store.usage.append([row, { ...row, inputTokens: 99 }, usageRow({ tokenId: 'twice' })]);
        await store.usage.append([{ ...row, inputTokens: 99 }]);
        assert.deepEqual(await store.usage.find(row.requestId), row);
        assert.equal((await store.usage.totals('twice')).requests, 2);
      });

      it('appends all rows or none', async () => {
        const rows = Array.from({ length: 70 }, () => usageRow({ tokenId: 'torn' }));
        const broken = Object.assign(usageRow({ tokenId: 'torn' }), { route: null });
        await assert.rejects(store.usage.append([...rows, broken]));
        assert.equal((await store.usage.totals('torn')).requests, 0);
      });

      it('sums for one token', async () => {
        await store.usage.append([usageRow({ tokenId: 'a' }), usageRow({ tokenId: 'a' }), usageRow({ tokenId: 'b' })]);
        assert.deepEqual(await store.usage.totals('a'), {
          requests: 2,
          inputTokens: 2,
          outputTokens: 4,
          cacheWriteTokens: 6,
          cacheReadTokens: 10,
        });
        assert.deepEqual(await store.usage.totals('none'), {
          requests: 0,
          inputTokens: 0,
          outputTokens: 0,
          cacheWriteTokens: 0,
          cacheReadTokens: 0,
        });
      });
    });

    it('keeps the first value of a fact: of many callers, one wins', async () => {
      const values = await Promise.all(['a', 'b', 'c'].map((value) => store.installation.getOrCreate('id', value)));
      assert.equal(new Set(values).size, 1);
      assert.equal(await store.installation.getOrCreate('id', 'd'), values[0]);
      assert.equal(await store.installation.getOrCreate('other', 'd'), 'd');
      assert.equal(await store.installation.find('other'), 'd');
      assert.equal(await store.installation.find('nothing'), undefined);
    });

    it('sees no change elsewhere in its own work', async () => {
      assert.equal(await store.changedElsewhere(), false);
      await store.tokens.insert(tokenRecord());
      await store.usage.append([usageRow()]);
      assert.equal(await store.changedElsewhere(), false);
    });

    it('can be probed again and again, and rejects when it is closed', async () => {
      await store.probe();
      await store.probe();
      await store.close();
      await assert.rejects(store.probe());
      await assert.rejects(store.tokens.list());
    });
  });
}

/** What holds beyond that for a store that processes share. */
export function sharedStoreContract(name: string, make: () => SharedStoreUnderTest): void {
  describe(`shared store contract: ${name}`, () => {
    let subject: SharedStoreUnderTest;
    let one: Store;
    let other: Store;
    beforeEach(async () => {
      subject = make();
      one = await subject.open();
      other = await subject.openAgain();
    });
    afterEach(async () => {
      await one.close();
      await other.close();
      subject.remove();
    });

    it('each sees what the other wrote', async () => {
      const record = tokenRecord();
      await one.tokens.insert(record);
      assert.deepEqual(await other.tokens.find(record.id), record);
      await other.tokens.revoke(record.id, 100);
      assert.equal((await one.tokens.find(record.id))?.revokedAt, 100);
      await assert.rejects(one.tokens.insert(tokenRecord({ id: record.id })), DuplicateTokenError);
    });

    it('a change elsewhere is told once', async () => {
      assert.equal(await one.changedElsewhere(), false);
      assert.equal(await other.changedElsewhere(), false);
      await one.tokens.insert(tokenRecord());
      assert.equal(await other.changedElsewhere(), true);
      assert.equal(await other.changedElsewhere(), false);
      assert.equal(await one.changedElsewhere(), false);
    });

    it('usage that is booked elsewhere is no change, and covers none up', async () => {
      const record = tokenRecord();
      await one.tokens.insert(record);
      assert.equal(await other.changedElsewhere(), false);
      await one.usage.append([usageRow()]);
      await one.probe();
      assert.equal(await other.changedElsewhere(), false);
      await one.tokens.revoke(record.id, 100);
      await one.usage.append([usageRow()]);
      assert.equal(await other.changedElsewhere(), true);
      assert.equal(await other.changedElsewhere(), false);
    });

    it('own work does not cover up a change elsewhere', async () => {
      assert.equal(await other.changedElsewhere(), false);
      await one.tokens.insert(tokenRecord());
      await other.tokens.insert(tokenRecord());
      assert.equal(await other.changedElsewhere(), true);
    });

    it('one fact for all', async () => {
      const values = await Promise.all([
        one.installation.getOrCreate('id', 'a'),
        other.installation.getOrCreate('id', 'b'),
      ]);
      assert.equal(values[0], values[1]);
    });

    it('what resolved is there when the store is opened anew', async () => {
      const record = tokenRecord();
      await one.tokens.insert(record);
      await one.tokens.revoke(record.id, 100);
      await one.close();
      await other.close();
      one = await subject.openAgain();
      assert.deepEqual(await one.tokens.find(record.id), { ...record, revokedAt: 100 });
    });
  });
}
