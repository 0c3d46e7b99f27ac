import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../log/log.ts';
import type { UsageRow, UsageStore } from '../store/store.ts';
import { UsageWriter } from './usage-writer.ts';

const row = (index: number) => ({ requestId: `req_${index}` }) as UsageRow;

/** A writer on a store that fails while `broken` says so. */
function setUp() {
  const state = { broken: true, tries: 0, written: [] as string[], largest: 0 };
  const store: Pick<UsageStore, 'append'> = {
    async append(rows) {
      state.tries += 1;
      if (state.broken) throw new Error('disk is full');
      state.largest = Math.max(state.largest, rows.length);
      state.written.push(...rows.map(({ requestId }) => requestId));
    },
  };
  const lines: string[] = [];
  const { log } = createLog({
    level: 'info',
    redact: (text) => text,
    destination: { write: (line) => void lines.push(line) },
  });
  return { state, lines, writer: new UsageWriter(store as UsageStore, log) };
}

test('P5 a store that fails costs one try a second, and keeps at most 10,000 rows', async () => {
  const { state, lines, writer } = setUp();
  for (let index = 0; index < 10_100; index += 1) {
    writer.add(row(index));
    if (index % 1_000 === 0) await sleep(1);
  }
  await sleep(30);
  assert.ok(state.tries <= 2, `${state.tries} tries`);
  assert.deepEqual([writer.pending, writer.lost], [10_000, 100]);
  assert.match(lines.join(''), /usage rows not written/);

  state.broken = false;
  await writer.flush();
  assert.deepEqual([writer.pending, state.written.length], [0, 10_000]);
  assert.deepEqual([state.written[0], state.written.at(-1)], ['req_100', 'req_10099']);
  assert.ok(state.largest <= 512, 'no commit holds the event loop for long');
  assert.match(lines.join(''), /usage rows are written again/);
});

test('P5 closing tries once more, says what is lost, and leaves no timer behind', async () => {
  const { state, lines, writer } = setUp();
  writer.add(row(1));
  await writer.close();
  assert.equal(state.tries, 1);
  assert.deepEqual([writer.pending, writer.lost], [0, 1]);
  assert.match(lines.join(''), /"lost":1.*usage rows lost/);
  await sleep(1_100);
  assert.equal(state.tries, 1);
});

test('rows that come during a write are written after it, each once', async () => {
  const { state, writer } = setUp();
  state.broken = false;
  for (let index = 0; index < 200; index += 1) {
    writer.add(row(index));
    if (index % 70 === 0) await Promise.resolve();
  }
  await writer.flush();
  assert.equal(state.written.length, 200);
  assert.equal(new Set(state.written).size, 200);
});
