import type { Command } from 'commander';
import type { RunningRouter } from '../app.ts';
import type { Config } from '../config/schema.ts';
import { EXIT_FAILED } from './failure.ts';
import { importCommand, waitingFiles } from './legacy.ts';
import { print, printError } from './output.ts';
import type { Settings } from './settings.ts';
import { endNow, listenForCrash, listenForStop } from './signals.ts';
import { growYoungGeneration } from './young-generation.ts';

/** What may take longer than the drain limit, above all a last write to a store that does not answer. Milliseconds. */
const OVERDUE_MS = 2_000;

export function addServeCommand(program: Command, settings: Settings): void {
  const serve = program
    .command('serve', { isDefault: true })
    .description('Serve until SIGTERM or SIGINT (the default command).')
    .allowExcessArguments()
    .action(async () => {
      // Whatever is no command lands here, at the default one.
      const [argument] = serve.args;
      if (argument !== undefined) serve.error(`error: unknown command '${argument}'`);
      await run(settings.config());
    });
}

async function run(config: Config): Promise<void> {
  const stop = listenForStop();
  const { startRouter } = await import('../app.ts');
  const router = await startRouter(config);
  growYoungGeneration();
  const dispose = listenForCrash(stop, (error) => router.report(error));
  await announce(router, config);
  await stop.requested;
  const overdue = setTimeout(() => endNow(EXIT_FAILED), config.drainTimeoutMs + OVERDUE_MS).unref();
  await router.drain().catch(() => endNow(EXIT_FAILED));
  clearTimeout(overdue);
  dispose();
  stop.dispose();
}

async function announce(router: RunningRouter, config: Config): Promise<void> {
  print(`Listening on ${router.url}`);
  if (router.adminUrl !== router.url) print(`Admin routes on ${router.adminUrl}`);
  for (const line of describeUpstream(router, config)) print(line);
  if (router.adminToken !== undefined) print(`Admin token (shown once, store it now): ${router.adminToken}`);
  for (const warning of router.warnings) printError(`warning: ${warning}`);
  const files = waitingFiles(config, await router.tokens.list());
  if (files.length > 0) printError(`Tokens of 0.17.0 found. To take them over: ${importCommand(files)}`);
}

function describeUpstream({ accounts }: RunningRouter, config: Config): string[] {
  if (config.upstreamProvider === 'simulator') return ['Upstream: the built-in simulator, no account needed'];
  const lines = [`Upstream: ${config.upstreamBaseUrl}`];
  const usable = accounts.filter(({ problem }) => problem === undefined);
  for (const { name, origin } of usable) lines.push(`Account: ${name}, from ${origin}`);
  if (usable.length === 0) {
    lines.push(
      `No account yet: set ANTHROPIC_API_KEY, or sign in with Claude Code so that ${config.claudeCodeHome} holds its credentials.`,
    );
  }
  return lines;
}
