import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** A test file in backquotes, and the ids in parentheses behind it. */
const NAMED = /`((?:src|test)\/[^`\s]+\.test\.ts)`(?: \(([^()]*)\))?/g;
const ID = /^([A-Z]{1,2})(\d{1,2})(?:[–-]([A-Z]{1,2})?(\d{1,2}))?$/;

/** `U6–U8` means all three; what is no id is a word of the sentence. */
function idsIn(text: string): string[] {
  return text.split(/[,\s]+/).flatMap((word) => {
    const [, letters, first, , last = first] = ID.exec(word) ?? [];
    if (letters === undefined) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${letters}${Number(first) + i}`);
  });
}

for (const page of ['SECURITY.md', 'docs/reliability.md']) {
  test(`every test that ${page} names exists, and has the ids for which it is named`, () => {
    for (const [, file = '', ids = ''] of read(page).matchAll(NAMED)) {
      assert.ok(existsSync(join(ROOT, file)), `${file} is not there`);
      const text = read(file);
      for (const id of idsIn(ids)) assert.match(text, new RegExp(String.raw`\b${id}\b`), `${id} in ${file}`);
    }
  });
}

test('SECURITY.md has a row for each incident class and each requirement, with a test or a reason', () => {
  const rows = new Map(
    Array.from(
      read('SECURITY.md').matchAll(/^\| ([RS]\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|$/gm),
      ([, id = '', , does = '', held = '']) => [id, { does: does.trim(), held: held.trim() }],
    ),
  );
  for (const id of [...idsIn('R1–R14'), ...idsIn('S1–S34')]) {
    const row = rows.get(id);
    assert.ok(row, `${id} has no row`);
    assert.ok(row.held.length > 20 && row.does.length > 10, `${id} says too little`);
    assert.ok(
      /\.test\.ts`|^Does not apply|^This page/.test(row.held),
      `${id} has neither a test nor a reason: ${row.held}`,
    );
  }
  assert.equal(rows.size, 48);
});
