import { startRouter } from '../../src/app.ts';
import { type ConfigInput, parseConfig } from '../../src/config/load.ts';
import { type Cleanup, temporaryFolder } from './temp.ts';

/** The flat admin key of every router under test. */
export const ADMIN_KEY = 'admin-key-of-the-tests';
/** The operator's upstream key of every router under test. */
export const OPERATOR_KEY = 'sk-ant-api03-operator-key-of-the-tests';

/**
 * The real router in this process, on a free port, in folders of its own and with everything in memory, unless `overrides` says
 * otherwise. It knows one account, `OPERATOR_KEY`. Closed with the test.
 */
export async function startTestRouter(t: Cleanup, overrides: ConfigInput = {}) {
  const logs: string[] = [];
  const config = parseConfig({
    port: 0,
    dataDir: await temporaryFolder(t),
    claudeCodeHome: await temporaryFolder(t),
    storagePolicy: 'memory',
    adminKey: ADMIN_KEY,
    anthropicApiKey: OPERATOR_KEY,
    // The test works in the event loop of the router: what it does there is no overload.
    eventLoopLagLimitMs: 60_000,
    ...overrides,
  });
  const router = await startRouter(config, { logDestination: { write: (line) => void logs.push(line) } });
  t.after(() => router.close());
  return {
    router,
    url: router.url,
    close: () => router.close(),
    /** Log lines until now, each a JSON text. */
    logs,
    /** A fresh client token, good for an hour unless `options` says otherwise. */
    issue: async (options: Parameters<typeof router.tokens.issue>[0] = {}): Promise<string> => {
      const { token } = await router.tokens.issue({ ttlHours: 1, label: 'test', ...options });
      return token;
    },
  };
}
