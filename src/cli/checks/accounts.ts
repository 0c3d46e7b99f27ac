import type { Config } from '../../config/schema.ts';
import { listAccounts } from '../accounts.ts';
import { broken, type Finding, ok, warn } from './finding.ts';

const NO_ACCOUNT_MEND = 'set ANTHROPIC_API_KEY, or sign in with Claude Code in CLAUDE_CODE_HOME';

/** The credentials. One good account is enough: the others' problems are warnings then. */
export async function checkAccounts(config: Config): Promise<Finding[]> {
  const rows = await listAccounts(config);
  if (rows.every(({ state }) => state === 'problem')) {
    const problems = rows.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
    return [broken('accounts', problems || 'there is none', NO_ACCOUNT_MEND)];
  }
  return rows.map(({ name, origin, problem }) =>
    problem === undefined ? ok('accounts', `${name}, from ${origin}`) : warn('accounts', `${name}: ${problem}`),
  );
}
