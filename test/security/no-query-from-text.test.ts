import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exchange } from '../support/client.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { temporaryFolder } from '../support/temp.ts';

const STORE = join(import.meta.dirname, '../../src/store');
/** Where SQL could come from a text: handles of the database, and the ways around Kysely's parameters. */
const QUERY =
  /\b(?:database|db|trx)\.(?:prepare|exec|query)\(\s*|\bCompiledQuery\.raw\(\s*|\bsql(?:\.(?:raw|lit|ref|table|id)\(\s*|(?=`))/g;
/** One literal without anything put into it. */
const CONSTANT = /^(?:'[^'\n]*'|"[^"\n]*"|`[^`$]*`)\s*[),;.]/;
/** Kysely's compiled text with its parameters apart passes here. */
const COMPILED = new Set(['sqlite-dialect.ts: sql', 'sqlite-handle.ts: sql']);

function textsOfQueries(source: string): string[] {
  return [...source.matchAll(QUERY)].map(({ 0: call, index }) =>
    source.slice(index + call.length, index + call.length + 80),
  );
}

test('R1 S26 no query is put together from text: every one is a literal, or compiled with its parameters apart', () => {
  const sources = readdirSync(STORE, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.test)\.ts$/.test(name),
  );
  let seen = 0;
  for (const name of sources) {
    // They run before the first request and are given the database alone: nothing of a request can be in them.
    if (name.startsWith('migrations/')) continue;
    for (const text of textsOfQueries(readFileSync(join(STORE, name), 'utf8'))) {
      seen += 1;
      const allowed = CONSTANT.test(text) || COMPILED.has(`${name}: ${/^\w+/.exec(text)?.[0]}`);
      assert.ok(allowed, `${name}: ${text}`);
    }
  }
  assert.ok(seen >= 7, `${seen} queries were looked at`);
});

test('R1 the rule finds what it should', () => {
  for (const bad of [
    'database.prepare(`select ${id}`)',
    "db.exec('a' + id)",
    'sql`x ${id}`',
    'CompiledQuery.raw(text)',
  ]) {
    const texts = textsOfQueries(bad);
    assert.equal(texts.length, 1, bad);
    assert.ok(!CONSTANT.test(texts[0]!), bad);
  }
});

const INJECTIONS = [
  "' or '1'='1",
  `"; drop table tokens; --`,
  "x') on conflict do nothing; --",
  '%',
  '_',
  '\\',
  "'||(select 1)||'",
];

test('S26 quotes in every field that reaches the store find nothing and change nothing', async (t) => {
  const overrides = {
    storagePolicy: 'sqlite',
    dataDir: await temporaryFolder(t),
    upstreamProvider: 'simulator',
  } as const;
  const router = await startTestRouter(t, overrides);
  const { token, record } = await router.router.tokens.issue({ label: 'mine' });
  const headers = ['authorization', `Bearer ${ADMIN_KEY}`];
  const post = (target: string, body: unknown) =>
    exchange(t, router.url, { method: 'POST', target, headers, body: JSON.stringify(body) });
  for (const text of INJECTIONS) {
    assert.equal((await post('/api/tokens/revoke', { id: text })).status, 404);
    assert.equal((await post('/api/tokens/rotate', { id: text })).status, 404);
    assert.equal((await post('/api/tokens', { label: text })).status, text === '_' ? 200 : 400);
    assert.equal((await post('/api/tokens', { account: text })).status, text === '_' ? 200 : 400);
    const usage = await exchange(t, router.url, { target: `/v1/usage?token=${encodeURIComponent(text)}`, headers });
    assert.equal(JSON.parse(usage.body.toString()).requests, 0);
    assert.equal((await exchange(t, router.url, messagesRequest(text))).status, 401);
    const body = JSON.stringify({ model: text, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
    await exchange(t, router.url, messagesRequest(token, { body, headers: ['user-agent', text] }));
  }
  assert.equal((await router.router.usageOf(record.id)).requests, INJECTIONS.length);
  assert.equal((await router.router.tokens.find(record.id))?.revokedAt, null);
});
