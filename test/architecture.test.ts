import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../src');

/**
 * Which folders a folder may import from, besides itself. Arrows point down only; a leaf (`store`, `log`, `metrics`,
 * `config`) knows nobody above it. `index`, `main`, `app` and `core` stand for the files of those names.
 */
const ALLOWED: Record<string, readonly string[]> = {
  main: ['cli'],
  index: ['app', 'config', 'errors'],
  cli: ['app', 'core', 'upstreams', 'accounts', 'tokens', 'wire', 'store', 'config', 'errors'],
  app: [
    ...['core', 'surfaces', 'proxy', 'upstreams', 'accounts', 'tokens', 'http', 'dialects', 'store', 'log', 'metrics'],
    ...['config', 'roster', 'errors', 'drain'],
  ],
  drain: ['proxy', 'http', 'log', 'roster', 'errors'],
  core: ['tokens', 'store', 'config'],
  surfaces: ['proxy', 'upstreams', 'accounts', 'tokens', 'http', 'dialects', 'store', 'metrics', 'errors'],
  proxy: ['upstreams', 'accounts', 'tokens', 'http', 'dialects', 'wire', 'store', 'log', 'metrics', 'roster', 'errors'],
  upstreams: ['accounts', 'dialects', 'config', 'log'],
  accounts: ['config', 'errors'],
  tokens: ['store', 'roster', 'errors'],
  http: ['dialects', 'store', 'roster', 'errors'],
  dialects: ['wire', 'errors'],
  wire: ['errors'],
  store: ['errors'],
  log: [],
  metrics: [],
  config: ['errors'],
  errors: [],
  roster: [],
};

const sources = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
);
const folderOf = (file: string) => file.split('/')[0]!.replace(/\.ts$/, '');

test('imports point down only', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const from = folderOf(file);
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
      const target = relative(ROOT, join(ROOT, dirname(file), path!));
      // The package's own version.
      if (target === '../package.json') continue;
      const to = folderOf(target);
      if (to !== from && !ALLOWED[from]?.includes(to)) wrong.push(`${file} -> ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(sources.length > 40);
});

test('every folder of the source has its arrows written down', () => {
  assert.deepEqual(new Set(sources.map(folderOf)), new Set(Object.keys(ALLOWED)));
});

test('R1 no text is put together into SQL', () => {
  for (const file of sources) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    assert.equal(/\.(?:query|prepare|exec)\(\s*`[^`]*\$\{/.test(text), false, file);
  }
});
