import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../../src');
/** A request that is no `fetch`, no `request` of undici, and no client without options: those end after 300 s of thinking. */
const OTHER_WAYS = /\bfetch\(|from 'undici'/;
/** Where undici is used, and why each place may. */
const USERS: Readonly<Record<string, string>> = {
  'upstreams/transport.ts': 'the one way to an upstream, with both limits off',
  'upstreams/catalogue.ts': 'types only: it asks through a transport, within a limit of its own',
  'proxy/relay.ts': 'types only',
  'cli/demo.ts': 'the demo asks its own router',
  'cli/checks/process.ts': 'the doctor asks whether a router answers on the port',
  'cli/checks/upstream.ts': 'the doctor asks whether anybody answers, without a credential',
};

test('R14 undici’s own limits of 300 s are off, and no request goes round them', () => {
  const transport = readFileSync(join(ROOT, 'upstreams/transport.ts'), 'utf8');
  assert.match(transport, /\bheadersTimeout: 0,/);
  assert.match(transport, /\bbodyTimeout: 0,/);
  const made = transport.match(/new (?:Pool|Client|Agent)\([^)]*\)/g) ?? [];
  assert.ok(made.length >= 2);
  for (const one of made) assert.match(one, /, this\.#options\)$/, one);

  const sources = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.test)\.ts$/.test(name),
  );
  const found = sources.filter((name) => OTHER_WAYS.test(readFileSync(join(ROOT, name), 'utf8')));
  for (const name of found) assert.ok(Object.hasOwn(USERS, name), `${name} uses undici or fetch`);
  for (const name of found.filter((name) => USERS[name]?.startsWith('types only'))) {
    const imports = [...readFileSync(join(ROOT, name), 'utf8').matchAll(/^import (.*) from 'undici';$/gm)];
    for (const [, what = ''] of imports) assert.match(what, /^type \{|^\{ type [^,]* \}$/, name);
  }
});
