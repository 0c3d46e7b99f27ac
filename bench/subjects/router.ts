import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SUBJECT_CORE, startOn, waitFor } from '../process.ts';
import { START_MS, type SubjectKind, UPSTREAM_KEY } from './subject.ts';

const ADMIN_KEY = 'admin-key-of-the-benchmark';
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The router as an operator runs it: the built package, with authentication, metering, SQLite and logging on. */
export const router: SubjectKind = {
  name: 'router',
  title: 'router',
  share: 1,
  missing: async () => (existsSync(MAIN) ? undefined : 'it is not built; npm run build'),
  async start({ upstream, folder, env = {}, nodeArguments = [], withChannel = false }) {
    const log = openSync(join(folder, 'log'), 'w');
    const child = startOn(SUBJECT_CORE, [process.execPath, ...nodeArguments, MAIN, 'serve'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', log, ...(withChannel ? (['ipc'] as const) : [])],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        ROUTER_PORT: '0',
        DATA_DIR: join(folder, 'data'),
        UPSTREAM_BASE_URL: upstream,
        ANTHROPIC_API_KEY: UPSTREAM_KEY,
        TOKEN_ADMIN_KEY: ADMIN_KEY,
        ...env,
      },
    });
    closeSync(log);
    const [, url] = await waitFor(child, /Listening on (http:\S+)\n/, START_MS);
    const token = await issueToken(`${url}/api/tokens`);
    return {
      child,
      url: `${url}/v1/messages`,
      headers: { authorization: `Bearer ${token}`, 'anthropic-version': '2023-06-01' },
    };
  },
};

async function issueToken(url: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const answer = (await response.json()) as { token?: string };
  if (answer.token === undefined) throw new Error(`the router issued no token: status ${response.status}`);
  return answer.token;
}
