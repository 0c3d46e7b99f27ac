import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { ConfigError } from '../errors.ts';
import { type Environment, type Flags, isInsecure, loadConfig, parseConfig } from './load.ts';
import { fields } from './schema.ts';

function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'config-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** The message of the one-line error that the settings must meet. */
function refusal(sources: { flags?: Flags; env?: Environment; cwd?: string }): string {
  try {
    loadConfig({ flags: {}, env: {}, cwd: '/nonexistent', home: '/home/x', ...sources });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.exitCode, 2);
    assert.doesNotMatch(error.message, /[\r\n]/);
    return error.message;
  }
  return assert.fail('the settings were accepted');
}

const load = (env: Environment, flags: Flags = {}) => loadConfig({ flags, env, cwd: '/nonexistent', home: '/home/x' });

test('precedence: flag, environment, .lenv, .env, default', (t) => {
  const cwd = folder(t, { '.lenv': 'ROUTER_PORT: 3\n', '.env': 'ROUTER_PORT=4\nVERBOSE=yes\n' });
  const port = (flags: Flags, env: Environment, where = cwd) =>
    loadConfig({ flags, env, cwd: where, home: '/home/x' }).port;
  assert.equal(port({ port: '1' }, { ROUTER_PORT: '2' }), 1);
  assert.equal(port({}, { ROUTER_PORT: '2' }), 2);
  assert.equal(port({}, {}), 3);
  writeFileSync(join(cwd, '.lenv'), '# nothing\n');
  assert.equal(port({}, {}), 4);
  assert.equal(port({}, {}, folder(t)), 8080);
  assert.equal(loadConfig({ flags: {}, env: {}, cwd }).verbose, true);
});

test('an empty variable counts as not set, so the next place decides', (t) => {
  const cwd = folder(t, { '.env': 'TOKEN_ADMIN_KEY=from-file\nADMIN_PORT=\n' });
  const config = loadConfig({ flags: {}, env: { TOKEN_ADMIN_KEY: '  ', ROUTER_PORT: '' }, cwd });
  assert.equal(config.adminKey, 'from-file');
  assert.equal(config.adminPort, undefined);
  assert.equal(config.port, 8080);
});

test('an empty flag takes an optional setting away', () => {
  assert.equal(load({ TOKEN_ADMIN_KEY: 'key' }, { adminKey: '' }).adminKey, undefined);
  assert.equal(load({ DATA_DIR: '/x' }, { dataDir: ' ' }).dataDir, '/home/x/.link-assistant-router');
});

test('an empty boolean variable means false (P2)', (t) => {
  const cwd = folder(t, { '.env': 'DISABLE_METRICS=1\n' });
  assert.equal(loadConfig({ flags: {}, env: { DISABLE_METRICS: '' }, cwd }).disableMetrics, false);
});

test('every boolean setting takes every accepted word, in any case, from flag and variable (P2)', () => {
  const words = { true: ['1', 'true', 'yes', 'on'], false: ['0', 'false', 'no', 'off'] };
  const booleans = fields.filter((field) => field.isBoolean);
  assert.ok(booleans.length >= 5);
  const word = fc.boolean().chain((meaning) =>
    fc.tuple(fc.constantFrom(...words[`${meaning}`]), fc.infiniteStream(fc.boolean())).map(([text, upper]) => ({
      meaning,
      text: Array.from(text, (letter) => (upper.next().value ? letter.toUpperCase() : letter)).join(''),
    })),
  );
  fc.assert(
    fc.property(fc.constantFrom(...booleans), word, (field, { meaning, text }) => {
      assert.equal(load({ [field.env]: text })[field.key], meaning);
      assert.equal(load({ [field.env]: String(!meaning) }, { [field.key]: text })[field.key], meaning);
    }),
  );
});

const wrong: Record<string, [Environment, ...RegExp[]]> = {
  port: [{ ROUTER_PORT: '65536' }, /--port/, /ROUTER_PORT/, /0-65535/, /"65536"/],
  'signed port': [{ ROUTER_PORT: '-1' }, /ROUTER_PORT/],
  'hexadecimal port': [{ ROUTER_PORT: '0x50' }, /ROUTER_PORT/],
  host: [{ ROUTER_HOST: 'localhost:8080' }, /--host \(ROUTER_HOST\) must be a host name or an IP address/],
  boolean: [{ VERBOSE: 'perhaps' }, /--verbose/, /1\/0, true\/false, yes\/no, on\/off/],
  'storage policy': [{ STORAGE_POLICY: 'punchcards' }, /--storage-policy/, /sqlite, memory/],
  provider: [{ UPSTREAM_PROVIDER: 'constructor' }, /UPSTREAM_PROVIDER/, /anthropic/],
  'other protocol': [{ UPSTREAM_BASE_URL: 'ftp://example.com' }, /UPSTREAM_BASE_URL/],
  'plain http': [{ UPSTREAM_BASE_URL: 'http://example.com' }, /UPSTREAM_BASE_URL/, /ALLOW_INSECURE_UPSTREAM/],
  'name that starts like loopback': [{ UPSTREAM_BASE_URL: 'http://127.0.0.1.example' }, /ALLOW_INSECURE_UPSTREAM/],
};

for (const [name, [env, ...patterns]] of Object.entries(wrong)) {
  test(`a wrong ${name} is refused by flag, variable and accepted values`, () => {
    const message = refusal({ env });
    for (const pattern of patterns) assert.match(message, pattern);
  });
}

test('the error says in which place the value stood', (t) => {
  assert.match(refusal({ flags: { port: 'x' } }), /as a flag/);
  assert.match(refusal({ cwd: folder(t, { '.env': 'ROUTER_PORT=x' }) }), /in \.env/);
});

test('the value of a secret is never repeated', () => {
  const secrets = fields.filter((field) => field.secret && field.accepts.includes('ASCII'));
  assert.ok(secrets.length >= 3);
  for (const field of secrets) {
    const message = refusal({ env: { [field.env]: 'hunter2\nx-api-key: stolen' } });
    assert.match(message, new RegExp(`--${field.flag} \\(${field.env}\\)`));
    assert.doesNotMatch(message, /hunter2|stolen/);
  }
  for (const url of [
    'https://user:hunter2@example.com/',
    'https://example.com/?key=hunter2',
    '//a@b:hunter2@c',
    'https:u:hunter2@c',
  ]) {
    assert.doesNotMatch(refusal({ env: { UPSTREAM_BASE_URL: url } }), /hunter2/);
  }
});

test('a shown value is one short line without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
      const message = refusal({ flags: { storagePolicy: `?${text}` } });
      assert.doesNotMatch(message, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
  assert.ok(refusal({ flags: { storagePolicy: 'x'.repeat(5000) } }).includes(`"${'x'.repeat(40)}…"`));
});

test('plain http is for loopback, and for those who ask for it', () => {
  for (const host of ['localhost:1', '127.0.0.1:1', '127.8.9.1', '[::1]:1']) {
    assert.equal(load({ UPSTREAM_BASE_URL: `http://${host}/` }).upstreamBaseUrl, `http://${host}`);
    assert.equal(isInsecure(`http://${host}`), false);
  }
  const env = { UPSTREAM_BASE_URL: 'http://example.com/base//', ALLOW_INSECURE_UPSTREAM: '1' };
  assert.equal(load(env).upstreamBaseUrl, 'http://example.com/base');
});

test('hosts may be names and IPv6 addresses, bracketed or not (P7)', () => {
  const hosts = {
    localhost: 'localhost',
    '::1': '::1',
    '[::1]': '::1',
    '0.0.0.0': '0.0.0.0',
    'a-b.example': 'a-b.example',
  };
  for (const [given, read] of Object.entries(hosts)) assert.equal(load({ ROUTER_HOST: given }).host, read);
});

test('names of storage policies of 0.17.0 are understood', () => {
  const policies = { both: 'sqlite', TEXT: 'sqlite', 'link-cli': 'sqlite', none: 'memory' };
  for (const [given, read] of Object.entries(policies)) {
    assert.equal(load({ STORAGE_POLICY: given }).storagePolicy, read);
  }
});

const folders = (env: Environment, home?: string) => {
  const { dataDir, claudeCodeHome } = loadConfig({ flags: {}, env, cwd: '/srv', home });
  return [dataDir, claudeCodeHome];
};

test('folders are absolute: the home folder, the working directory, or the one for services', () => {
  assert.deepEqual(folders({ HOME: '/home/x' }), ['/home/x/.link-assistant-router', '/home/x/.claude']);
  assert.deepEqual(folders({ DATA_DIR: '~/data', CLAUDE_CODE_HOME: '~' }, '/h$&'), ['/h$&/data', '/h$&']);
  assert.deepEqual(folders({ DATA_DIR: 'data', CLAUDE_CODE_HOME: '~other' }), ['/srv/data', '/srv/~other']);
  assert.deepEqual(folders({ HOME: '' }), [
    '/var/lib/link-assistant-router/.link-assistant-router',
    '/var/lib/link-assistant-router/.claude',
  ]);
});

test('a folder named .env is no settings file; an unreadable line of .lenv is an error', (t) => {
  const cwd = folder(t, { '.lenv': 'token-secret = hunter2\n' });
  mkdirSync(join(cwd, '.env'));
  assert.match(refusal({ cwd }), /\.lenv, line 1/);
});

test('variables that no setting has are left alone', () => {
  assert.doesNotThrow(() => load({ ROUTER_PROT: '1', __proto__: 'x', PATH: '/bin' }));
});

test('parseConfig takes typed values and words, and refuses names that are no setting', () => {
  const config = parseConfig({ port: 0, verbose: 'yes', pingIntervalMs: '20', adminKey: undefined }, { home: '/h' });
  assert.deepEqual(
    [config.port, config.verbose, config.pingIntervalMs, config.adminKey, config.dataDir],
    [0, true, 20, undefined, '/h/.link-assistant-router'],
  );
  assert.throws(() => parseConfig({ port: 70_000 }), { name: 'ConfigError', message: /--port \(ROUTER_PORT\)/ });
  const misspelt: object = { prot: 1 };
  assert.throws(() => parseConfig(misspelt), { name: 'ConfigError', message: /unknown setting "prot"/ });
});

test('every setting refuses values of another type in one line, and takes its own back', () => {
  const config = parseConfig({}, { home: '/h' });
  for (const field of fields) {
    for (const value of [{}, null, Number.NaN, () => 1]) {
      const wrong: object = { [field.key]: value };
      assert.throws(() => parseConfig(wrong), { name: 'ConfigError', message: /^--[^\r\n]+$/ }, field.key);
    }
    assert.deepEqual(parseConfig({ [field.key]: config[field.key] }, { home: '/h' })[field.key], config[field.key]);
  }
});

test('flags and variables are distinct, flags say the name of the key, and no secret has a default', () => {
  assert.equal(new Set(fields.map((field) => field.flag)).size, fields.length);
  assert.equal(new Set(fields.map((field) => field.env)).size, fields.length);
  for (const { flag, key, secret, default: fallback } of fields) {
    const camelCase = flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    assert.equal(camelCase, key);
    if (secret) assert.equal(fallback, undefined);
  }
});
