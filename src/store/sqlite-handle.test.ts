import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SqliteHandle } from './sqlite-handle.ts';

const ioError = Object.assign(new Error('disk I/O error'), { errcode: 1034 });
const fail = (error: Error) => () => {
  throw error;
};

function setUp() {
  const opened: boolean[] = [];
  const state = { broken: false };
  const handle = new SqliteHandle((again) => {
    if (state.broken) throw new Error('still broken');
    opened.push(again);
    return new DatabaseSync(':memory:');
  });
  return { handle, opened, state };
}

test('P6 after an I/O error the connection is made anew and checked', () => {
  const { handle, opened } = setUp();
  assert.throws(() => handle.guard(fail(ioError)), ioError);
  assert.equal(handle.generation, 0);
  handle.mend();
  assert.deepEqual([handle.generation, opened], [1, [false, true]]);
  assert.equal(handle.prepare('select 1 as one').get()?.['one'], 1);
  handle.mend();
  assert.equal(handle.generation, 1, 'it is well');
});

test('P6 while it cannot be made anew, statements fail; a later try heals it', () => {
  const { handle, state } = setUp();
  assert.throws(() => handle.guard(fail(ioError)), ioError);
  state.broken = true;
  handle.mend();
  assert.throws(() => handle.prepare('select 1'));
  assert.equal(handle.isTransaction, false);
  state.broken = false;
  handle.mend();
  assert.equal(handle.prepare('select 1 as one').get()?.['one'], 1);
});

test('another error leaves the connection as it is', () => {
  const { handle } = setUp();
  assert.throws(() => handle.guard(fail(Object.assign(new Error('full'), { errcode: 13 }))));
  handle.mend();
  assert.equal(handle.generation, 0);
});
