import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { freePort, SUBJECT_CORE, startOn, waitFor } from '../process.ts';
import { START_MS, type SubjectKind, UPSTREAM_KEY } from './subject.ts';

/**
 * Portkey's image runs on Node 20 (https://github.com/Portkey-AI/gateway/blob/main/Dockerfile). The package brings the binary of
 * just that system.
 */
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;
/** Later versions of `@hono/node-server` break its streams. */
const MANIFEST = JSON.stringify({
  private: true,
  dependencies: { '@portkey-ai/gateway': '1.15.2', [NODE_PACKAGE]: '20.20.2' },
  overrides: { '@hono/node-server': '1.14.1' },
});
const FOLDER = fileURLToPath(new URL('../../.cache/bench/portkey/', import.meta.url));
const NODE = join(FOLDER, 'node_modules', NODE_PACKAGE, 'bin/node');
const SERVER = join(FOLDER, 'node_modules/@portkey-ai/gateway/build/start-server.js');
/** What `FOLDER` was installed from: written last, so that half an installation is not taken for a whole one. */
const INSTALLED = join(FOLDER, 'installed.json');
const INSTALL_MS = 120_000;

/** It listens on all addresses and has no setting for that; here it must not leave the machine. */
const LOOPBACK_ONLY = `data:text/javascript,
  import { Server } from 'node:net';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (port, host, done) { return listen.call(this, port, '127.0.0.1', done); };`;

/** `@portkey-ai/gateway`: the same job by a gateway on Node, as its makers ship it, without its log page. */
export const portkey: SubjectKind = {
  name: 'portkey',
  title: 'Portkey',
  share: 0.25,
  async missing() {
    try {
      await install();
      return undefined;
    } catch (error) {
      return `@portkey-ai/gateway cannot be installed, is the package registry in reach? ${messageOf(error)}`;
    }
  },
  async start({ upstream, folder }) {
    const port = await freePort();
    const command = [NODE, '--import', LOOPBACK_ONLY, SERVER, '--headless', `--port=${port}`];
    const child = startOn(SUBJECT_CORE, command, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: folder, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
    });
    await waitFor(child, /Ready for connections/, START_MS);
    return {
      child,
      url: `http://127.0.0.1:${port}/v1/messages`,
      headers: {
        'x-portkey-provider': 'anthropic',
        'x-portkey-custom-host': upstream,
        'x-api-key': UPSTREAM_KEY,
        'anthropic-version': '2023-06-01',
      },
    };
  },
};

async function install(): Promise<void> {
  if (existsSync(INSTALLED) && (await readFile(INSTALLED, 'utf8')) === MANIFEST) return;
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, 'package.json'), MANIFEST);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  await promisify(execFile)('npm', args, { cwd: FOLDER, timeout: INSTALL_MS });
  await writeFile(INSTALLED, MANIFEST);
}
