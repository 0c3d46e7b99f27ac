import { ConfigError } from '../errors.ts';

/**
 * Reads the text of a `.lenv` file: one `KEY: value` a line, where the first `: ` separates, keys are the names of environment
 * variables, and lines that are blank or start with `#` are left out. Values stand as they are, without quotes or escapes. Of
 * a key that stands twice the last value wins. Any other line is a `ConfigError` that names the line and never repeats it,
 * because it may hold a secret.
 */
export function parseLenv(text: string, name = '.lenv'): Record<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, key, value] = /^([A-Za-z_][A-Za-z0-9_]*):(?: (.*))?$/.exec(trimmed) ?? [];
    if (key === undefined) throw new ConfigError(`${name}, line ${index + 1}: not of the form "KEY: value"`);
    values.set(key, value?.trim() ?? '');
  }
  return Object.fromEntries(values);
}
