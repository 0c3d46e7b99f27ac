import { type Command, Option } from 'commander';
import { type Flags, loadConfig, readSetting } from '../config/load.ts';
import { type Config, type Field, fields } from '../config/schema.ts';

/** What a command asks for the settings. Nothing is read before the first question. */
export interface Settings {
  /** The settings that stand on the command line. */
  flags(): Flags;
  /** All settings. Throws a `ConfigError` for a wrong one. */
  config(): Config;
}

/** Adds every setting of the schema as a global option, grouped as in the schema. */
export function addSettings(program: Command): Settings {
  for (const field of fields) {
    const flag = field.isBoolean ? `--${field.flag}` : `--${field.flag} <${placeholder(field)}>`;
    program.addOption(new Option(flag, describe(field)).helpGroup(`${field.group}:`));
    if (field.isBoolean) program.addOption(new Option(`--no-${field.flag}`).hideHelp());
  }
  const flags = (): Flags => program.opts<Flags>();
  return { flags, config: () => loadConfig({ flags: flags(), env: process.env, cwd: process.cwd() }) };
}

/**
 * Turns `--flag=word` of a boolean setting into `--flag` or `--no-flag`: a boolean option of commander takes no value, and one
 * with an optional value would swallow the command behind it. Throws a `ConfigError` for any other word.
 */
export function expandBooleans(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((argument, index) => {
    if (end !== -1 && index > end) return argument;
    const [, flag, word] = /^--([^=]+)=(.*)$/s.exec(argument) ?? [];
    const field = fields.find((candidate) => candidate.isBoolean && candidate.flag === flag);
    if (!field) return argument;
    return readSetting(field, word, 'as a flag') ? `--${field.flag}` : `--no-${field.flag}`;
  });
}

/** The environment variable and the default, as the end of a description. Secrets have no default to show. */
export function defaultOf(field: Field): string | undefined {
  if (field.defaultText !== undefined) return field.defaultText;
  const { default: fallback } = field;
  return typeof fallback === 'string' ? fallback : fallback === undefined ? undefined : JSON.stringify(fallback);
}

function describe(field: Field): string {
  const fallback = defaultOf(field);
  return `${field.doc} [${field.env}${fallback === undefined ? '' : `; default: ${fallback}`}]`;
}

/** The last word of a flag says best what its value is: `--admin-port <port>`, `--data-dir <dir>`. */
function placeholder(field: Field): string {
  return field.flag.slice(field.flag.lastIndexOf('-') + 1);
}
