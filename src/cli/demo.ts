import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import type { RunningRouter } from '../app.ts';
import { loadConfig } from '../config/load.ts';
import { type Config, type ConfigKey, fields } from '../config/schema.ts';
import { ConfigError } from '../errors.ts';
import { SseScanner } from '../wire/sse.ts';
import { COMMAND_NAME } from './command-name.ts';
import { print } from './output.ts';
import type { Settings } from './settings.ts';
import { listenForStop } from './signals.ts';

/** Settings that the demo makes itself, so that it never meets a real folder, credential or account. */
const OWN_SETTINGS: ReadonlySet<ConfigKey> = new Set<ConfigKey>([
  'dataDir',
  'storagePolicy',
  'upstreamProvider',
  'upstreamBaseUrl',
  'anthropicApiKey',
  'claudeCodeOauthToken',
  'claudeCodeHome',
  'tokenSecret',
  'tokenSecretPrevious',
  'disableAnthropicApi',
]);

const MODEL = 'claude-sonnet-4-5';
const PROMPT = 'Say in a few words what you are.';

export function addDemoCommand(program: Command, settings: Settings): void {
  program
    .command('demo')
    .description('Show the router at work: simulator, temporary data folder, one streamed request. Costs nothing.')
    .option('--keep', 'go on serving until SIGTERM or SIGINT')
    .action(async ({ keep }: { keep?: true }) => {
      const folder = await mkdtemp(join(tmpdir(), 'link-assistant-router-demo-'));
      try {
        await run(demoConfig(settings, folder), keep === true);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

/** Only the command line counts: neither the environment nor a settings file. */
function demoConfig(settings: Settings, folder: string): Config {
  const flags = settings.flags();
  const own = fields.find(({ key }) => OWN_SETTINGS.has(key) && flags[key] !== undefined);
  if (own) throw new ConfigError(`--${own.flag} has no place in the demo, which makes its own`);
  return loadConfig({
    flags: { ...flags, port: flags.port ?? '0', dataDir: join(folder, 'data'), upstreamProvider: 'simulator' },
    env: {},
    cwd: folder,
    home: folder,
  });
}

async function run(config: Config, keep: boolean): Promise<void> {
  const stop = listenForStop();
  const { startRouter } = await import('../app.ts');
  const router = await startRouter(config, config.verbose ? {} : { logDestination: { write: () => {} } });
  try {
    print(`Listening on ${router.url}, with the built-in simulator as upstream`);
    await Promise.race([showRequest(router, keep), stop.requested]);
    if (keep) await stop.requested;
  } finally {
    await router.close();
    stop.dispose();
  }
}

const issued = z.object({ id: z.string(), token: z.string() });

/** Issues a token and asks one question, both over HTTP as any client would, then says what was booked. */
async function showRequest(router: RunningRouter, keep: boolean): Promise<void> {
  const { id, token } = issued.parse(
    await (
      await post(router.adminUrl, '/api/tokens', router.adminToken ?? '', { label: 'demo', ttl_hours: 24 })
    ).json(),
  );
  print(`Token for the client: ${token}\n`);
  print(`> ${PROMPT}`);
  const messages = [{ role: 'user', content: PROMPT }];
  await printAnswer(
    await post(router.url, '/v1/messages', token, { model: MODEL, max_tokens: 256, stream: true, messages }),
  );
  const usage = await router.usageOf(id);
  print(
    `\nBooked on this token: ${usage.requests} request, ${usage.inputTokens} tokens in, ${usage.outputTokens} out, ` +
      `${usage.cacheWriteTokens} written to the prompt cache, ${usage.cacheReadTokens} read from it\n`,
  );
  print(
    keep
      ? 'To try next, until you press Ctrl-C:'
      : 'To try next: run the demo with --keep, and use the address and the token that it prints then:',
  );
  for (const line of nextSteps(router.url, token)) print(line);
}

async function post(base: string, path: string, token: string, body: object): Promise<Response> {
  const response = await fetch(base + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response;
}

const textDelta = z.object({ delta: z.object({ type: z.literal('text_delta'), text: z.string() }) });

async function printAnswer(response: Response): Promise<void> {
  const scanner = new SseScanner((name, data) => {
    if (name === 'error') throw new Error(`the answer broke off: ${data()}`);
    const event = name === 'content_block_delta' ? textDelta.safeParse(JSON.parse(data())).data : undefined;
    if (event) process.stdout.write(event.delta.text);
  });
  for await (const chunk of response.body ?? []) scanner.push(chunk);
  print('');
}

function nextSteps(url: string, token: string): string[] {
  const body = JSON.stringify({ model: MODEL, max_tokens: 64, messages: [{ role: 'user', content: 'Hello' }] });
  return [
    `  curl ${url}/v1/messages -H 'authorization: Bearer ${token}' -H 'content-type: application/json' -d '${body}'`,
    `  ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=${token} claude`,
    'For real use, with an upstream account of your own:',
    `  ANTHROPIC_API_KEY=<your key> ${COMMAND_NAME} serve`,
  ];
}
