/**
 * Writes the reference pages from the schema of the settings and from the command line. With `--check` it writes nothing and
 * exits 1 when a page is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { createProgram } from '../src/cli/program.ts';
import { defaultOf } from '../src/cli/settings.ts';
import { type Field, fields } from '../src/config/schema.ts';

const GENERATED = '<!-- Written by `npm run docs`. Edit the source, not this page. -->';

function configurationPage(): string {
  const sections = [...Map.groupBy(fields, ({ group }) => group)].map(([group, members]) =>
    [
      `## ${group}`,
      '',
      '| flag, variable | default | accepts | what for |',
      '|---|---|---|---|',
      ...members.map(row),
    ].join('\n'),
  );
  return page('Configuration', [
    'Every setting has a flag and an environment variable. Of flag, environment, `.lenv`, `.env` and default the first one that is\n' +
      'there wins; both files are read from the working directory.',
    '- A switch is `--flag`, `--no-flag` or `--flag=word`, and `word` in a variable or a file.\n' +
      '- An empty variable counts as not set; for a switch it means off.\n' +
      '- `.lenv` holds one `KEY: value` a line, under the names of the variables, without quotes; `#` starts a comment line.\n' +
      '- A wrong value stops the start with exit code 2 and one line that names flag, variable and accepted values.',
    ...sections,
  ]);
}

function row(field: Field): string {
  const name = `\`--${field.flag}\` \`${field.env}\`${field.secret ? ' (secret)' : ''}`;
  const cells = [name, code(field), field.accepts, field.doc];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Values are set as code, words are not. */
function code(field: Field): string {
  const fallback = defaultOf(field);
  return fallback === undefined ? '' : field.defaultText === undefined ? `\`${fallback}\`` : fallback;
}

function commandLinePage(): string {
  const { program } = createProgram();
  return page('Command line', [
    'In a checkout: `npm run router -- <arguments>`. The settings of [Configuration](configuration.md) may stand before or after\n' +
      'every command.',
    '| exit code | meaning |\n|---|---|\n| 0 | well |\n| 1 | failed; for `doctor`: something is broken |\n' +
      '| 2 | wrong use: an unknown flag or command, a wrong value, an unknown id |\n' +
      '| 78 | the data folder must not be used as it is |\n' +
      '| 128 + n | ended at once by a second signal n |',
    ...program.commands.flatMap((command) => describe(command, program.name())),
  ]);
}

function describe(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`;
  if (command.commands.length > 0) return command.commands.flatMap((child) => describe(child, name));
  const own = [
    ...command.registeredArguments.map((argument) => [`\`<${argument.name()}>\``, argument.description]),
    ...command.options.map((option) => [`\`${option.flags}\``, describeOption(option)]),
  ].filter(([, text]) => text !== '');
  const usage = [name, ...command.usage().split(' ')].join(' ');
  return [`## \`${usage}\`\n\n${command.description()}`, ...(own.length > 0 ? [table(own)] : [])];
}

function describeOption({ description, argChoices, defaultValue }: Option): string {
  const notes = [
    ...(argChoices ? [argChoices.join(' or ')] : []),
    ...(defaultValue === undefined ? [] : [`default: \`${JSON.stringify(defaultValue)}\``]),
  ];
  return notes.length > 0 ? `${description} (${notes.join('; ')})` : description;
}

function table(rows: readonly (readonly (string | undefined)[])[]): string {
  return ['| argument | meaning |', '|---|---|', ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

function page(title: string, blocks: readonly string[]): string {
  return `${[`# ${title}`, GENERATED, ...blocks].join('\n\n')}\n`;
}

const pages = { 'configuration.md': configurationPage(), 'cli.md': commandLinePage() };
const check = process.argv.includes('--check');
for (const [name, text] of Object.entries(pages)) {
  const file = new URL(`../docs/reference/${name}`, import.meta.url);
  if (!check) {
    writeFileSync(file, text);
  } else if (readOrEmpty(file) !== text) {
    console.error(`docs/reference/${name} is stale: npm run docs`);
    process.exitCode = 1;
  }
}

function readOrEmpty(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
