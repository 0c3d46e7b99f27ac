import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { prepareDataDir } from './config/data-dir.ts';
import type { Config } from './config/schema.ts';
import { openSqliteStore } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { fitOf, misfit } from './tokens/fit.ts';
import { createKeyring } from './tokens/format.ts';
import { assertStrongSecret, loadOrCreateSecret, newSecret } from './tokens/secret.ts';
import { createTokenService, type TokenService } from './tokens/service.ts';

/** The store and the tokens of an installation: what the CLI works on, and what a server is built upon. */
export interface Core {
  readonly store: Store;
  readonly tokens: TokenService;
  /** Secrets of this process that are not accounts', for the redaction of logs. */
  readonly secrets: readonly string[];
  /** What the operator has to know about the signing secret, in a sentence: living tokens that it does not fit (P15). */
  misfit(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Opens the data folder. Throws a `ConfigError` when it, or a secret, must not be used. */
export async function openCore(config: Config): Promise<Core> {
  const inMemory = config.storagePolicy === 'memory';
  if (!inMemory) prepareDataDir(config.dataDir, config.fixPerms);
  const secret = config.tokenSecret ?? (inMemory ? newSecret() : await loadOrCreateSecret(config.dataDir));
  assertStrongSecret(secret, '--token-secret (TOKEN_SECRET)');
  const previous = config.tokenSecretPrevious;
  if (previous !== undefined) assertStrongSecret(previous, '--token-secret-previous (TOKEN_SECRET_PREVIOUS)');

  const store = await openSqliteStore({ path: inMemory ? ':memory:' : join(config.dataDir, 'core.db') });
  try {
    const installation = await store.installation.getOrCreate('id', randomUUID());
    const keyring = createKeyring(secret, previous === undefined ? [] : [previous]);
    const tokens = createTokenService({ store, keyring, installation, now: Date.now });
    const secrets = [secret, previous, config.adminKey].filter((one) => one !== undefined);
    const name = config.tokenSecret === undefined ? join(config.dataDir, 'token-secret') : 'TOKEN_SECRET';
    return {
      store,
      tokens,
      secrets,
      misfit: async () =>
        misfit(await fitOf(await store.tokens.list(), keyring, installation, Math.floor(Date.now() / 1000)), name),
      close: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
