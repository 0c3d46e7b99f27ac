import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { tokenRecord, usageRow } from '../contract/store.contract.ts';

const CASES = Number(process.env['CHAOS_TORN'] ?? 500);
/** https://sqlite.org/fileformat.html#the_write_ahead_log */
const WAL_HEADER = 32;
const FRAME_HEADER = 24;

/** Where the last frame of this round of the log ends: frames of earlier rounds, which lie behind, have another salt. */
function endOf(wal: Buffer): number {
  if (wal.length < WAL_HEADER) return 0;
  const frame = FRAME_HEADER + wal.readUInt32BE(8);
  const salt = wal.subarray(16, 24);
  let end = WAL_HEADER;
  while (end + frame <= wal.length && wal.subarray(end + 8, end + 16).equals(salt)) end += frame;
  return end;
}

/** What a power loss may leave of the bytes that were not yet synced. */
const damages: Record<string, (wal: Buffer, from: number, to: number) => Buffer> = {
  'cut off': (wal, from, to) => wal.subarray(0, between(from, to)),
  zeros: (wal, from, to) => Buffer.from(wal).fill(0, between(from, to), to),
  garbage: (wal, from, to) => Buffer.from(wal).fill(randomUUID(), between(from, to), to),
  'one bit': (wal, from, to) => {
    const torn = Buffer.from(wal);
    const at = between(from, to - 1);
    torn[at] = torn[at]! ^ (1 << (at % 8));
    return torn;
  },
};

const between = (from: number, to: number) => from + Math.floor(Math.random() * (to - from + 1));

test(`P4 ${CASES} copies with a torn log: nothing is corrupt, everything acknowledged is there, a rotation is whole or not at all`, async (t) => {
  // The tear is made by hand, so nothing is gained from a disk that really syncs.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'router-torn-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'core.db');
  const store = await openSqliteStore({ path });
  const living = new Set<string>();
  const revoked = new Set<string>();
  const add = async () => {
    const record = tokenRecord({ id: randomUUID() });
    await store.tokens.insert(record);
    living.add(record.id);
    return record.id;
  };
  const first = await add();
  const copy = join(folder, 'copy');
  const kinds = Object.values(damages);
  let halves = 0;

  for (let round = 0; round < CASES; round += 1) {
    const id = await add();
    await store.usage.append([usageRow({ requestId: randomUUID(), tokenId: id })]);
    if (round % 2 === 0) {
      await store.tokens.revoke(id, 100);
      living.delete(id);
      revoked.add(id);
    }
    const acknowledged = endOf(readFileSync(`${path}-wal`));
    // One more change, whose acknowledgement the power loss comes before.
    const target = [...living].at(-1) ?? first;
    const successor = tokenRecord({ id: randomUUID() });
    await store.tokens.replace(target, successor, 200);
    const wal = readFileSync(`${path}-wal`);
    const end = endOf(wal);

    rmSync(copy, { recursive: true, force: true });
    mkdirSync(copy);
    const copied = join(copy, 'core.db');
    copyFileSync(path, copied);
    // A checkpoint between the two has begun the log anew; then all that was acknowledged is in the database.
    const from = end > acknowledged ? acknowledged : 0;
    writeFileSync(`${copied}-wal`, kinds[round % kinds.length]!(wal, from, end));
    const torn = new DatabaseSync(copied);
    assert.equal(torn.prepare('pragma integrity_check').get()?.['integrity_check'], 'ok');
    const rows = new Map(
      torn
        .prepare('select id, revoked_at from tokens')
        .all()
        .map((row) => [String(row['id']), row['revoked_at']]),
    );
    torn.close();
    const lost = [
      ...Array.from(revoked).filter((one) => typeof rows.get(one) !== 'number'),
      ...Array.from(living).filter((one) => !rows.has(one)),
    ];
    assert.deepEqual(lost, [], `round ${round}`);
    assert.equal(rows.has(successor.id), rows.get(target) !== null, `round ${round}: a half rotation`);
    if (!rows.has(successor.id)) halves += 1;
    living.delete(target);
    revoked.add(target);
    living.add(successor.id);
  }
  await store.close();
  assert.ok(halves > CASES / 4, 'the damage did hit the last change');
});
