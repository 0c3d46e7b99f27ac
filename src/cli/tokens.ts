import type { Command } from 'commander';
import type { Core } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { EXIT_USAGE } from './failure.ts';
import { print, printError, printJson } from './output.ts';
import type { Settings } from './settings.ts';
import { formatTokens, viewOf } from './token-view.ts';
import { addTransferCommands } from './transfer.ts';

export function addTokensCommands(program: Command, settings: Settings): void {
  const tokens = program.command('tokens').description('The tokens that clients hold.');
  const withCore = openFor(settings);
  addIssue(tokens, withCore);
  addReading(tokens, withCore);
  addEnding(tokens, withCore);
  addTransferCommands(tokens, settings, withCore);
}

/** Runs work on the store of the settings, and closes it. */
export type WithCore = (work: (core: Core) => Promise<void>) => Promise<void>;

function openFor(settings: Settings): WithCore {
  return async (work) => {
    const config = settings.config();
    if (config.storagePolicy === 'memory') {
      throw new ConfigError(
        '--storage-policy (STORAGE_POLICY) is memory: the tokens live in the server alone; ask it by POST /api/tokens',
      );
    }
    const { openCore } = await import('../core.ts');
    const core = await openCore(config);
    try {
      await work(core);
    } finally {
      await core.close();
    }
  };
}

interface IssueOptions {
  readonly ttlHours: string;
  readonly label: string;
  readonly account?: string;
  readonly admin?: true;
}

function addIssue(tokens: Command, withCore: WithCore): void {
  tokens
    .command('issue')
    .description('Make a token and print it, and nothing else.')
    .option('--ttl-hours <hours>', 'hours until it expires, 1 to 87600', '24')
    .option('--label <text>', 'what it is for, up to 64 characters', '')
    .option('--account <name>', 'the one account that it may use (default: any)')
    .option('--admin', 'make a token for the admin routes instead of one for clients')
    .action(({ ttlHours, label, account, admin }: IssueOptions) =>
      withCore(async (core) => {
        const { token } = await core.tokens.issue({
          // An empty text would read as 0.
          ttlHours: Number(ttlHours.trim() || Number.NaN),
          label,
          ...(account !== undefined && { account }),
          scope: admin ? 'admin' : 'client',
        });
        print(token);
      }),
    );
}

function addReading(tokens: Command, withCore: WithCore): void {
  tokens
    .command('list')
    .description('List all tokens, oldest first. Times are Unix seconds.')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: true }) =>
      withCore(async (core) => {
        const views = (await core.tokens.list()).map((record) => viewOf(record, unixNow()));
        if (json) printJson(views);
        else print(formatTokens(views));
      }),
    );
  tokens
    .command('show')
    .description('Print what is kept about one token, as JSON.')
    .argument('<id>')
    .action((id: string) =>
      withCore(async (core) => {
        const record = await core.tokens.find(id);
        if (record) printJson(viewOf(record, unixNow()));
        else failUnknown(id);
      }),
    );
}

function addEnding(tokens: Command, withCore: WithCore): void {
  tokens
    .command('revoke')
    .description('Refuse a token from now on.')
    .argument('<id>')
    .action((id: string) =>
      withCore(async (core) => {
        if ((await core.tokens.revoke(id)) === 'unknown') failUnknown(id);
        else print(`revoked ${id}`);
      }),
    );
  tokens
    .command('expire')
    .description('Let the life of a token end now.')
    .argument('<id>')
    .action((id: string) =>
      withCore(async (core) => {
        if ((await core.tokens.expire(id)) === 'unknown') failUnknown(id);
        else print(`expired ${id}`);
      }),
    );
  tokens
    .command('rotate')
    .description('Revoke a token and print its successor, which has the same label, scope, account and length of life.')
    .argument('<id>')
    .action((id: string) =>
      withCore(async (core) => {
        const successor = await core.tokens.rotate(id);
        if (successor) print(successor.token);
        else failUnknown(id);
      }),
    );
}

function failUnknown(id: string): void {
  printError(`not found: ${id}`);
  process.exitCode = EXIT_USAGE;
}

function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}
