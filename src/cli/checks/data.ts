import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectDataDir } from '../../config/data-dir.ts';
import type { Config } from '../../config/schema.ts';
import { messageOf } from '../../errors.ts';
import type { Store, TokenRecord } from '../../store/store.ts';
import { fitOf, misfit } from '../../tokens/fit.ts';
import { createKeyring } from '../../tokens/format.ts';
import { assertStrongSecret } from '../../tokens/secret.ts';
import { importCommand, waitingFiles } from '../legacy.ts';
import { broken, type Finding, ok, warn } from './finding.ts';

const FIRST_START = 'made at the first start';

/** The folder and the modes in it. */
export function checkDataDir({ storagePolicy, dataDir, fixPerms }: Config): Finding[] {
  if (storagePolicy === 'memory') return [ok('data folder', 'not used')];
  if (!existsSync(dataDir)) return [ok('data folder', `${dataDir}: ${FIRST_START}`)];
  try {
    const findings = inspectDataDir(dataDir).map(({ problem, mend, mode }) =>
      fixPerms && mode !== undefined
        ? warn('data folder', problem, 'nothing: --fix-perms closes it at the next start')
        : broken('data folder', problem, mend),
    );
    return findings.length > 0 ? findings : [ok('data folder', dataDir)];
  } catch (error) {
    return [broken('data folder', messageOf(error), 'run as the owner of the folder, or set DATA_DIR to another')];
  }
}

/** The signing secrets: those that are set, else the one in the data folder. */
export function checkSecret(config: Config): Finding[] {
  const findings = [checkPresentSecret(config)];
  const previous = config.tokenSecretPrevious;
  if (previous !== undefined) findings.push(judge(previous, 'TOKEN_SECRET_PREVIOUS'));
  return findings;
}

function checkPresentSecret({ storagePolicy, dataDir, tokenSecret }: Config): Finding {
  if (tokenSecret !== undefined) return judge(tokenSecret, 'TOKEN_SECRET');
  if (storagePolicy === 'memory') return ok('signing secret', 'a random one at every start');
  const path = join(dataDir, 'token-secret');
  if (!existsSync(path)) return ok('signing secret', `${path}: ${FIRST_START}`);
  try {
    return judge(readFileSync(path, 'utf8').trim(), path);
  } catch (error) {
    return broken('signing secret', messageOf(error), `make ${path} readable, or set TOKEN_SECRET`);
  }
}

function judge(secret: string, name: string): Finding {
  try {
    assertStrongSecret(secret, name);
    return ok('signing secret', name);
  } catch (error) {
    return broken('signing secret', messageOf(error), 'openssl rand -base64 48');
  }
}

/** The database, when there is one: it opens, it takes a write, and no file of 0.17.0 waits to come into it. */
export async function checkStore(config: Config): Promise<Finding[]> {
  if (config.storagePolicy === 'memory') return [ok('store', 'in memory')];
  const path = join(config.dataDir, 'core.db');
  if (!existsSync(path)) return [ok('store', `${path}: ${FIRST_START}`), ...checkLegacyFiles(config, [])];
  let store: Store | undefined;
  try {
    const { openSqliteStore, pendingMigrations } = await import('../../store/sqlite.ts');
    const pending = await pendingMigrations(path);
    // Opening would bring the schema up to date, and an older router could not start on it any more.
    if (pending.length > 0)
      return [warn('store', olderSchema(path, pending), 'nothing: the next start brings it up to date')];
    store = await openSqliteStore({ path });
    await store.probe();
    const records = await store.tokens.list();
    return [
      ok('store', path),
      ...(await checkFit(config, records, await store.installation.find('id'))),
      ...checkLegacyFiles(config, records),
    ];
  } catch (error) {
    return [broken('store', messageOf(error), `make ${path} and its folder writable, or put a backup in its place`)];
  } finally {
    await store?.close();
  }
}

/** Whether the signing secret is the one that the tokens were signed with. */
async function checkFit(
  config: Config,
  records: readonly TokenRecord[],
  installation: string | undefined,
): Promise<Finding[]> {
  const path = join(config.dataDir, 'token-secret');
  const secret = config.tokenSecret ?? (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined);
  if (secret === undefined || installation === undefined) return [];
  const previous = config.tokenSecretPrevious;
  const keyring = createKeyring(secret, previous === undefined ? [] : [previous]);
  const fit = await fitOf(records, keyring, installation, Math.floor(Date.now() / 1000));
  const problem = misfit(fit, config.tokenSecret === undefined ? path : 'TOKEN_SECRET');
  return problem === undefined ? [] : [warn('signing secret', problem)];
}

function olderSchema(path: string, pending: readonly string[]): string {
  return `${path} is of an older version of the router, it lacks ${pending.join(', ')}`;
}

function checkLegacyFiles(config: Config, tokens: readonly TokenRecord[]): Finding[] {
  const files = waitingFiles(config, tokens);
  if (files.length === 0) return [];
  return [warn('tokens of 0.17.0', `not imported: ${files.join(', ')}`, importCommand(files))];
}
