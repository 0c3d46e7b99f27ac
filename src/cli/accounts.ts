import type { Command } from 'commander';
import type { Account } from '../accounts/account.ts';
import type { Config } from '../config/schema.ts';
import { formatTable, print, printJson } from './output.ts';
import type { Settings } from './settings.ts';

/** One account as a list shows it. */
export interface AccountRow {
  readonly name: string;
  readonly upstream: string;
  readonly state: 'ok' | 'problem';
  /** `environment` or the path of a file. */
  readonly origin: string;
  /** What is wrong and how to mend it. */
  readonly problem?: string;
}

export function addAccountsCommands(program: Command, settings: Settings): void {
  const accounts = program.command('accounts').description("The operator's accounts at the upstreams.");
  accounts
    .command('list')
    .description('List the accounts that the settings lead to.')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }) => {
      const rows = await listAccounts(settings.config());
      if (json) return printJson(rows);
      const columns = [
        { heading: 'name', width: 16 },
        { heading: 'upstream', width: 20 },
        { heading: 'state', width: 8 },
      ];
      const cells = rows.map(({ name, upstream, state, origin, problem }) => [
        name,
        upstream,
        state,
        problem === undefined ? origin : `${origin} (${problem})`,
      ]);
      print(formatTable([...columns, { heading: 'origin' }], cells));
    });
}

/** The accounts of the settings, read once. Nothing is sent anywhere. */
export async function listAccounts(config: Config): Promise<AccountRow[]> {
  const { openUpstreams } = await import('../upstreams/registry.ts');
  const registry = await openUpstreams(config);
  try {
    return registry.upstreams.flatMap(({ name, accounts }) => accounts.map((account) => describe(account, name)));
  } finally {
    await registry.close();
  }
}

function describe({ name, credential }: Account, upstream: string): AccountRow {
  const problem = credential.problem();
  const row = { name, upstream, origin: credential.origin };
  credential.close();
  return problem === undefined ? { ...row, state: 'ok' } : { ...row, state: 'problem', problem };
}
