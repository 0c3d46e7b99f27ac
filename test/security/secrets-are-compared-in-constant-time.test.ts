import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../../src');
/** Comparisons of something that is called like a secret. */
const COMPARED =
  /[^\n]*\b\w*(?:secret|password|credential|adminKey|signature|digest|mac|bearer)\w*(?:\([^()]*\))?\)?\s*(?:===|!==)(?!\s*(?:undefined|null|''|typeof|-?\d))[^\n]*/gi;
/** Those that may stay, each with its reason. */
const HARMLESS: Readonly<Record<string, string>> = {
  'tokens/format.ts': 'a signature with its own canonical spelling: nothing secret is on either side',
  'tokens/service.ts': 'the digest of a token whose signature was good with that of its record',
  'tokens/fit.ts': 'a token that was just minted from its record with the digest in it; no caller has a part in it',
  'accounts/credential-file.ts': "the router's own old and new credential; no caller has a part in it",
  'proxy/forward.ts': "the router's own old and new credential; no caller has a part in it",
};

test('S7 what a caller presents is compared with secrets by timingSafeEqual alone, on digests of one length', () => {
  const sources = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.test)\.ts$/.test(name),
  );
  const found = new Set<string>();
  for (const name of sources) {
    for (const [line] of readFileSync(join(ROOT, name), 'utf8').matchAll(COMPARED)) {
      if (/^\s*(?:\/\/|\*|\/\*\*)/.test(line)) continue;
      found.add(name);
      assert.ok(Object.hasOwn(HARMLESS, name), `${name}: ${line.trim()}`);
    }
  }
  assert.ok(found.size > 0, 'the rule finds something');
  for (const name of ['surfaces/access.ts', 'upstreams/simulator.ts']) {
    const text = readFileSync(join(ROOT, name), 'utf8');
    assert.match(text, /timingSafeEqual\(digest\(\w+\), /, name);
  }
});
