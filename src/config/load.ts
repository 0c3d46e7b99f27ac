import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError, messageOf } from '../errors.ts';
import { homeFolder, resolveFolders } from './home.ts';
import { parseLenv } from './lenv.ts';
import { type Config, type ConfigKey, configSchema, type Field, fields } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings as they stand on a command line: words, and `true` or `false` for `--flag` and `--no-flag`. */
export type Flags = { readonly [K in ConfigKey]?: string | boolean | undefined };

/** Settings as a program gives them: values of the right type, or the words for them. */
export type ConfigInput = { readonly [K in ConfigKey]?: Config[K] | string | undefined };

export interface ConfigSources {
  /** What stood on the command line. An empty text is a value. */
  readonly flags: Flags;
  readonly env: Environment;
  /** Folder of `.lenv` and `.env`, and start of relative paths. */
  readonly cwd: string;
  /** Home folder; default: that of `env`. */
  readonly home?: string | undefined;
}

/** A folder named `.env` is an absence too: Python's virtual environments are often called that. */
const ABSENT = new Set<unknown>(['ENOENT', 'ENOTDIR', 'EISDIR']);

/**
 * The settings of this process: flag > environment > `.lenv` > `.env` > default. An empty value in one of the last three counts
 * as not there, so that `TOKEN_ADMIN_KEY=` means what its absence means. Variables that no setting has are left alone.
 * Throws a `ConfigError` of one line for the first wrong value.
 */
export function loadConfig({ flags, env, cwd, home = homeFolder(env) }: ConfigSources): Config {
  const places: readonly (readonly [place: string, values: Environment])[] = [
    ['in the environment', env],
    ['in .lenv', readOptional(join(cwd, '.lenv'), parseLenv)],
    ['in .env', readOptional(join(cwd, '.env'), parseEnv)],
  ];
  const values: Partial<Record<ConfigKey, unknown>> = {};
  for (const field of fields) {
    const flag = flags[field.key];
    if (flag !== undefined) {
      values[field.key] = readSetting(field, flag, 'as a flag');
      continue;
    }
    const found = places.find(([, variables]) => !isEmpty(field, variables[field.env]));
    values[field.key] = found ? readSetting(field, found[1][field.env], found[0]) : field.default;
  }
  return complete(values, home, cwd);
}

/**
 * The same settings for the library and for tests: nothing is read but `values`. Throws a `ConfigError` for a wrong value and
 * for a name that is no setting.
 */
export function parseConfig(
  values: ConfigInput,
  { home = homeFolder(process.env), cwd = process.cwd() }: { home?: string; cwd?: string } = {},
): Config {
  const unknown = Object.keys(values).find((key) => !Object.hasOwn(configSchema.shape, key));
  if (unknown !== undefined) throw new ConfigError(`unknown setting ${quote(unknown)}`);
  const read = fields.map((field) => [field.key, readSetting(field, values[field.key], 'given')]);
  return complete(Object.fromEntries(read), home, cwd);
}

/** One value of one setting, checked; `place` says in the error where it stood. */
export function readSetting(field: Field, value: unknown, place: string): unknown {
  const result = configSchema.shape[field.key].safeParse(value);
  if (result.success) return result.data;
  const shown = field.secret ? 'the value' : quote(withoutCredentials(String(value)));
  throw new ConfigError(`--${field.flag} (${field.env}) must be ${field.accepts}; ${shown} ${place} is not`);
}

/**
 * A refused URL may be refused for the password or the key in it. Where either is depends on who reads it: `https:u:p@host`,
 * `u:p?q@host` and `?key=a@b` all hold one, so beside an `@` nothing is shown.
 */
function withoutCredentials(text: string): string {
  return text.includes('@') ? '…@…' : text.replace(/[?#].*$/s, '?…');
}

/** An empty boolean is one of the words for `false`, not an absence. */
function isEmpty(field: Field, value: string | undefined): boolean {
  return value === undefined || (value.trim() === '' && !field.isBoolean);
}

function complete(values: Partial<Record<ConfigKey, unknown>>, home: string, cwd: string): Config {
  const checked = configSchema.parse(values);
  if (
    checked.upstreamProvider === 'anthropic' &&
    !checked.allowInsecureUpstream &&
    isInsecure(checked.upstreamBaseUrl)
  ) {
    throw new ConfigError(
      `--upstream-base-url (UPSTREAM_BASE_URL) must be an https URL (http on loopback only), not ${quote(checked.upstreamBaseUrl)}; ` +
        '--allow-insecure-upstream (ALLOW_INSECURE_UPSTREAM) lifts this',
    );
  }
  return { ...checked, ...resolveFolders(checked, home, cwd) };
}

/** Whether a credential sent to `url` would cross a network unencrypted. */
export function isInsecure(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

function readOptional(path: string, parse: (text: string) => NodeJS.Dict<string>): Environment {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ABSENT.has(error.code)) return {};
    throw new ConfigError(`cannot read ${path}: ${messageOf(error)}`);
  }
  return parse(text);
}

/** For one line of a terminal: at most 40 characters, control characters escaped. */
function quote(text: string): string {
  const start = /^.{0,40}/su.exec(text)?.[0] ?? '';
  const shown = JSON.stringify(start === text ? text : `${start}…`);
  return shown.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
