import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { ConfigError, messageOf } from '../errors.ts';
import { formatTokensBin, parseTokensBin } from '../store/legacy-bin.ts';
import { formatTokensLino, parseTokensLino } from '../store/legacy-lino.ts';
import type { TokenRecord } from '../store/store.ts';
import { print, printError } from './output.ts';
import { writePrivateFile } from './private-file.ts';
import type { Settings } from './settings.ts';
import type { WithCore } from './tokens.ts';

/** First bytes of `tokens.bin`; text files start in another way. */
const BIN_MAGIC = Buffer.from('LARTOK01');

/** `tokens import` and `tokens export`: the files of 0.17.0. */
export function addTransferCommands(tokens: Command, settings: Settings, withCore: WithCore): void {
  tokens
    .command('import')
    .description('Take over tokens from files of 0.17.0. What is known already is merged, never weakened.')
    .argument('<file...>', 'tokens.lino or tokens.bin, told apart by content')
    .action((paths: string[]) =>
      withCore(async (core) => {
        const records: TokenRecord[] = [];
        for (const path of paths) records.push(...(await readTokens(path)));
        print(`imported ${await core.store.tokens.import(records)} token(s)`);
        if (settings.config().tokenSecret === undefined) {
          printError(
            'hint: TOKEN_SECRET is not set. Tokens of 0.17.0 are signed with the TOKEN_SECRET that it ran with: set it, or they stay refused.',
          );
        }
      }),
    );
  tokens
    .command('export')
    .description('Write all tokens as a file of 0.17.0.')
    .addOption(new Option('--format <format>', 'which file').choices(['lino', 'bin']).makeOptionMandatory())
    .option('--out <file>', 'where to, with mode 0600 (default: stdout)')
    .action(({ format, out }: { format: 'lino' | 'bin'; out?: string }) =>
      withCore(async (core) => {
        const records = await core.tokens.list();
        const content = format === 'lino' ? formatTokensLino(records) : formatTokensBin(records);
        if (out === undefined) process.stdout.write(content);
        else await writePrivateFile(out, content);
      }),
    );
}

async function readTokens(path: string): Promise<readonly TokenRecord[]> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${messageOf(error)}`);
  }
  try {
    const isBin = bytes.subarray(0, BIN_MAGIC.length).equals(BIN_MAGIC);
    return isBin ? parseTokensBin(bytes) : parseTokensLino(bytes.toString('utf8'));
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
