import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './output.ts';

test('cells are padded to the width, never cut, and rows end without spaces', () => {
  const columns = [{ heading: 'id', width: 4 }, { heading: 'label' }];
  const rows = [
    ['a', ''],
    ['longer', 'x'],
  ];
  assert.equal(formatTable(columns, rows), 'id    label\na\nlonger  x');
});

test('a cell cannot drive the terminal', () => {
  assert.equal(formatTable([{ heading: 'h' }], [['a\u001B[2Jb\r\nc\u202Ed']]), 'h\na?[2Jb??c?d');
});
