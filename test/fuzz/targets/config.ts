import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from '../../../src/errors.ts';
import { parseLenv } from '../../../src/config/lenv.ts';
import { type Flags, loadConfig } from '../../../src/config/load.ts';
import { fields } from '../../../src/config/schema.ts';
import type { Target } from '../target.ts';

/** What may never be repeated where it is, or is part of, a secret. */
const CANARY = 'cAnArY7';
const folder = mkdtempSync(join(tmpdir(), 'fuzz-config-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/**
 * Four parts with form feeds between them: `.lenv`, `.env`, variables, flags. Whatever they are, there is a configuration, or
 * an error of one line without the secrets.
 */
export const config: Target = {
  name: 'config',
  modules: ['config/load.ts', 'config/lenv.ts', 'config/home.ts', 'config/schema.ts'],
  seeds: [
    `# c\nTOKEN_SECRET: ${CANARY}\nROUTER_PORT: 1\fVERBOSE=yes\nANTHROPIC_API_KEY="${CANARY}\né"\fROUTER_HOST=::1\fport=70000`,
    `\f\fUPSTREAM_BASE_URL=https://u:${CANARY}@h.example/\f`,
    `\f\fUPSTREAM_BASE_URL=https:u:${CANARY}@h.example\f`,
    `\f\fUPSTREAM_BASE_URL=http://h.example/?key=${CANARY}\fallowInsecureUpstream=true`,
    `\f\fTOKEN_ADMIN_KEY=${CANARY}\x07\fadminKey=`,
    'DATA_DIR: ~/x\fDATA_DIR=y\fDATA_DIR=/z\fdataDir=~',
    `TOKEN_SECRET = ${CANARY}\f\f\f`,
    '\f\fSTORAGE_POLICY=constructor\nUPSTREAM_PROVIDER=__proto__\f',
  ],
  words: [
    ...[
      '\f',
      '\n',
      '=',
      ': ',
      '#',
      '"',
      "'",
      '\\n',
      '\r',
      '\u2028',
      '\x1b[2J',
      '\ufeff',
      CANARY,
      '://',
      '@',
      '?',
      'export ',
    ],
    ...['true', 'no', '0x10', '99999999999999999999', '-1', '1e3', 'http://127.0.0.1:1', 'https://', '~/'],
    ...fields.flatMap(({ env, key }) => [env, key]),
  ],
  check(input) {
    const [lenv = '', dotenv = '', variables = '', flagLines = ''] = input.toString().split('\f');
    writeFileSync(join(folder, '.lenv'), lenv);
    writeFileSync(join(folder, '.env'), dotenv);
    const env = Object.fromEntries(assignments(variables));
    const flags: Flags = Object.fromEntries(
      assignments(flagLines).map(([key, value]) => [key, value === 'true' ? true : value]),
    );
    checkLenv(lenv);
    try {
      const loaded = loadConfig({ flags, env, cwd: folder, home: '/home/x' });
      assert.ok(loaded.dataDir.startsWith('/') && loaded.port >= 0 && loaded.port <= 65_535);
      assert.doesNotMatch(
        [loaded.anthropicApiKey, loaded.adminKey, loaded.claudeCodeOauthToken].join(''),
        /[^\x20-\x7e]/,
      );
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      assert.doesNotMatch(error.message, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      const shown = error.message.includes(CANARY);
      assert.ok(!shown || mayShow([env, flags, safely(parseEnv, dotenv), safely(parseLenv, lenv)]), error.message);
    }
  },
};

/** The refusal of a line names it and says nothing of what stands in it. */
function checkLenv(text: string): void {
  try {
    const values = parseLenv(text);
    for (const [key, value] of Object.entries(values)) assert.ok(/^\w+$/.test(key) && value === value.trim());
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /^\.lenv, line \d+: not of the form "KEY: value"$/);
  }
}

function assignments(text: string): [string, string][] {
  return text.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as [string, string]];
  });
}

function safely(parse: (text: string) => NodeJS.Dict<string>, text: string): NodeJS.Dict<string> {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

/** Whether the canary stands somewhere as an ordinary value: no secret's, and not the password or the query of a URL. */
function mayShow(places: readonly Readonly<Record<string, unknown>>[]): boolean {
  return fields.some(({ key, env, secret }) =>
    places.some((values) => {
      const value = values[env] ?? values[key];
      if (secret || typeof value !== 'string' || !value.includes(CANARY)) return false;
      const url = URL.parse(value.trim());
      return !url || `${url.protocol} ${url.host} ${url.pathname}`.toLowerCase().includes(CANARY.toLowerCase());
    }),
  );
}
