import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The clients that the router is tested with, and the only place that says which versions. */
const CLIENT_VERSIONS = {
  '@anthropic-ai/claude-code': '2.1.330',
  '@anthropic-ai/sdk': '1.12.0',
} as const;

const FOLDER = fileURLToPath(new URL('../../.cache/clients/', import.meta.url));
const MODULES = join(FOLDER, 'node_modules');
const INSTALL_TIMEOUT_MS = 240_000;

interface Clients {
  /** The native binary of Claude Code. */
  readonly claude: string;
  /** The ES module of the SDK. */
  readonly sdk: string;
}

/** Puts the clients into `.cache/clients/`, unless they are there already. Needs the package registry the first time. */
export async function installClients(): Promise<Clients> {
  const native = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  const wanted = { ...CLIENT_VERSIONS, [native]: CLIENT_VERSIONS['@anthropic-ai/claude-code'] };
  const isComplete = () => Object.entries(wanted).every(([name, version]) => installedVersion(name) === version);
  if (!isComplete()) {
    await npmInstall();
    if (!isComplete()) throw new Error(`npm installed no ${native}: Claude Code does not run on this machine`);
  }
  return { claude: join(MODULES, native, 'claude'), sdk: join(MODULES, '@anthropic-ai/sdk/index.mjs') };
}

function installedVersion(name: string): unknown {
  const file = join(MODULES, name, 'package.json');
  if (!existsSync(file)) return undefined;
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content ? content.version : undefined;
}

/** Without install scripts: all that those of Claude Code do is to link the binary, which is called by its own path here. */
async function npmInstall(): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: CLIENT_VERSIONS }));
  const args = ['install', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  await promisify(execFile)('npm', args, { cwd: FOLDER, timeout: INSTALL_TIMEOUT_MS });
}
