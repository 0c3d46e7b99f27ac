import type { DestinationStream } from 'pino';
import { Pool } from './accounts/pool.ts';
import type { Config } from './config/schema.ts';
import { warningsOf } from './config/warnings.ts';
import { type Core, openCore } from './core.ts';
import { anthropicErrors } from './dialects/anthropic/error.ts';
import { openaiErrors } from './dialects/openai-chat/error.ts';
import { drain, isWatched } from './drain.ts';
import type { BodyLimits } from './http/body.ts';
import { ClientAddresses } from './http/client-address.ts';
import { affordableConnections } from './http/descriptors.ts';
import type { HeaderList } from './http/headers.ts';
import { type Route, RouteTable } from './http/routes.ts';
import { type Listener, type ListenerOptions, listen } from './http/server.ts';
import { Ticker } from './http/ticker.ts';
import { createLog } from './log/log.ts';
import { createRedactor } from './log/redact.ts';
import { Metrics } from './metrics/metrics.ts';
import type { ForwardDeps } from './proxy/forward.ts';
import { record } from './proxy/record.ts';
import type { Relay } from './proxy/relay.ts';
import { createOverload } from './overload/overload.ts';
import { UsageWriter } from './proxy/usage-writer.ts';
import { Roster } from './roster.ts';
import type { Store, UsageTotals } from './store/store.ts';
import { AccessControl } from './surfaces/access.ts';
import { adminSurface } from './surfaces/admin.ts';
import { anthropicSurface } from './surfaces/anthropic.ts';
import { FailureLimit } from './surfaces/failures.ts';
import { modelsSurface } from './surfaces/models.ts';
import { healthSurface, metricsSurface } from './surfaces/operations.ts';
import type { TokenService } from './tokens/service.ts';
import { Catalogue } from './upstreams/catalogue.ts';
import { openUpstreams } from './upstreams/registry.ts';

/** How often other processes' changes to the store are looked for. A revocation by the CLI takes effect within it. */
const RECHECK_MS = 250;
/** How exactly time limits are kept, for limits of seconds and more. */
const TICK_MS = 250;
/** Most connections of an admin listener of its own. Their descriptors are among those that clients do not get. */
const ADMIN_CONNECTIONS = 64;
const ADMIN_TOKEN_HOURS = 24 * 365;
/** Where the store keeps the id of the first admin token. */
const FIRST_ADMIN = 'first-admin';

/** An account as the operator may see it on a terminal. */
export interface AccountStatus {
  readonly name: string;
  readonly upstream: string;
  readonly origin: string;
  readonly problem: string | undefined;
}

/** A router that listens. */
export interface RunningRouter {
  /** `http://host:port`. */
  readonly url: string;
  /** Where the admin routes are: the same, unless they have a listener of their own. */
  readonly adminUrl: string;
  readonly accounts: readonly AccountStatus[];
  /** Only at the first start of an installation. */
  readonly adminToken: string | undefined;
  readonly tokens: TokenService;
  /** What the operator should know about the settings, in sentences. */
  readonly warnings: readonly string[];
  /** Sums of what one token used, all booked requests included. */
  usageOf(tokenId: string): Promise<UsageTotals>;
  /** The graceful end; see `drain.ts`. Then closes. */
  drain(): Promise<void>;
  /** Writes an error that nobody caught to the log, redacted. */
  report(error: unknown): void;
  /** Ends at once. */
  close(): Promise<void>;
}

export interface StartOptions {
  /** Where log lines go instead of standard error. */
  readonly logDestination?: DestinationStream;
}

/** Builds and wires everything, and listens. Rejects with a `ConfigError`, or with the reason why it cannot listen. */
export async function startRouter(config: Config, options: StartOptions = {}): Promise<RunningRouter> {
  const core = await openCore(config);
  const undo: (() => unknown)[] = [() => core.close()];
  try {
    return await assemble(config, options, core, undo);
  } catch (error) {
    await runAll(undo);
    throw error;
  }
}

async function assemble(
  config: Config,
  options: StartOptions,
  core: Core,
  undo: (() => unknown)[],
): Promise<RunningRouter> {
  const { store, tokens } = core;
  const registry = await openUpstreams(config);
  undo.push(() => registry.close());
  const pool = new Pool(registry.upstreams);
  undo.push(() => pool.close());

  const { log, close: closeLog } = createLog({
    level: config.verbose ? 'debug' : 'info',
    redact: createRedactor(function* () {
      yield* core.secrets;
      for (const { account } of pool.accounts()) yield account.credential.current() ?? '';
    }),
    destination: options.logDestination,
  });
  undo.push(closeLog);
  const ticker = new Ticker(TICK_MS);
  undo.push(() => ticker.stop());
  const running = new Roster<Relay>();
  const overload = createOverload({
    streams: config.maxStreams,
    streamsPerToken: config.maxStreamsPerToken,
    bodyBytes: config.bodyBufferBytes,
    eventLoopLagMs: config.eventLoopLagLimitMs,
    heapPercent: config.heapLimitPercent,
  });
  undo.push(() => overload.stop());
  const usage = new UsageWriter(store.usage, log);
  undo.push(() => usage.close());
  const metrics = new Metrics({
    tokenTotals: () => tokens.totals(),
    running: () => running.size,
    usageRows: () => usage,
  });
  overload.register(metrics.registry);
  const recheck = setInterval(() => {
    tokens.recheck().catch((error: unknown) => log.error({ err: error }, 'the store cannot be asked for changes'));
  }, RECHECK_MS).unref();
  undo.push(() => clearInterval(recheck));

  let draining = false;
  const isDraining = () => draining;
  const body: BodyLimits = {
    maxBytes: config.maxBodyBytes,
    idleMs: config.clientBodyIdleTimeoutMs,
    ticker,
    pool: overload.bodies,
  };
  const { admission } = overload;
  const forwarding = forwardDeps(config, { pool, tokens, ticker, body, running, admission });
  const catalogue = new Catalogue(() => pool.select(null), log);

  let readinessAskedAt: number | undefined;
  const onReadinessAsked = () => {
    readinessAskedAt = performance.now();
  };
  const health = healthSurface({ store, isDraining, onReadinessAsked });
  const operator = [
    ...adminSurface({ tokens, body }),
    ...(config.disableMetrics ? [] : metricsSurface({ metrics, store, pool })),
  ];
  const clients = config.disableAnthropicApi ? [] : [...anthropicSurface(forwarding), ...modelsSurface(catalogue)];

  const access = new AccessControl({
    tokens,
    adminKey: config.adminKey,
    addresses: new ClientAddresses(config.trustedProxies),
    failures: new FailureLimit({ perMinute: config.authFailuresPerMinute, perSecond: config.authFailuresPerSecond }),
  });
  const maxConnections = affordableConnections(config.maxConnections);
  if (maxConnections < config.maxConnections) {
    log.warn(
      { maxConnections },
      'the limit of open files of this process allows fewer connections than MAX_CONNECTIONS',
    );
  }
  const open = async (host: string, port: number, routes: readonly Route[], most: number): Promise<Listener> => {
    const listenerOptions: ListenerOptions = {
      routes: new RouteTable(routes),
      authorize: (exchange, kind) => access.authorize(exchange, kind),
      errorsFor,
      onFinished: (exchange) => {
        try {
          record(exchange, { log, metrics, usage });
        } catch (error) {
          log.error({ err: error }, 'a request could not be recorded');
        }
      },
      isDraining,
      maxConnections: most,
      headerTimeoutMs: config.clientHeaderTimeoutMs,
      requestTimeoutMs: config.clientBodyTimeoutMs,
      keepAliveTimeoutMs: config.keepAliveTimeoutMs,
    };
    const listener = await listen(host, port, listenerOptions);
    undo.push(() => {
      listener.server.closeAllConnections();
      return listener.close();
    });
    return listener;
  };
  const { adminPort } = config;
  const both = [...health, ...clients, ...(adminPort === undefined ? operator : [])];
  const main = await open(config.host, config.port, both, maxConnections);
  const admin =
    adminPort === undefined
      ? main
      : await open(config.adminHost ?? '127.0.0.1', adminPort, [...health, ...operator], ADMIN_CONNECTIONS);

  const adminToken = await firstAdminToken(store, tokens);
  const warnings = [...warningsOf(config), await core.misfit()].filter((warning) => warning !== undefined);
  log.info({ url: main.url, adminUrl: admin.url }, 'listening');

  const close = once(() => runAll(undo));
  return {
    url: main.url,
    adminUrl: admin.url,
    accounts: Array.from(pool.accounts(), ({ upstream, account }) => ({
      name: account.name,
      upstream: upstream.name,
      origin: account.credential.origin,
      problem: account.credential.problem(),
    })),
    adminToken,
    tokens,
    warnings,
    report: (error) => log.fatal({ err: error }, 'an error that nobody caught'),
    async usageOf(tokenId) {
      await usage.flush();
      return store.usage.totals(tokenId);
    },
    drain: once(async () => {
      draining = true;
      await drain({
        listeners: [main, admin],
        running,
        log,
        delayMs: isWatched(readinessAskedAt, performance.now()) ? config.drainDelayMs : 0,
        timeoutMs: config.drainTimeoutMs,
      });
      await close();
    }),
    close,
  };
}

function forwardDeps(config: Config, parts: Omit<ForwardDeps, 'json' | 'relay'>) {
  return {
    ...parts,
    json: { maxDepth: config.maxJsonDepth, maxTokens: config.maxJsonTokens },
    relay: {
      connectMs: config.connectTimeoutMs,
      firstByteMs: config.firstByteTimeoutMs,
      idleMs: config.streamIdleTimeoutMs,
      totalMs: config.streamTotalTimeoutMs,
      writeStallMs: config.writeStallTimeoutMs,
      pingMs: config.pingIntervalMs,
    },
  } satisfies ForwardDeps;
}

/**
 * Shown once in the life of an installation, by whichever process is first. The token is there before the mark is: a crash between
 * them leaves a token that nobody knows, and the next start shows another.
 */
async function firstAdminToken(store: Store, tokens: TokenService): Promise<string | undefined> {
  if ((await store.installation.find(FIRST_ADMIN)) !== undefined) return undefined;
  const { token, record } = await tokens.issue({
    label: 'first admin',
    ttlHours: ADMIN_TOKEN_HOURS,
    scope: 'admin',
  });
  if ((await store.installation.getOrCreate(FIRST_ADMIN, record.id)) === record.id) return token;
  await tokens.revoke(record.id);
  return undefined;
}

/** Which API a caller speaks, where no route tells: by its headers and by the path that it tried. */
function errorsFor(headers: HeaderList | undefined, path: string) {
  if (headers?.get('anthropic-version') !== undefined) return anthropicErrors;
  return /^\/(?:v1\/(?:chat|responses|completions|embeddings|models)|api\/openai)\b/.test(path)
    ? openaiErrors
    : anthropicErrors;
}

/** In the reverse order of building, each even when another fails. */
async function runAll(undo: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of undo.toReversed()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the router did not close cleanly');
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= action());
}
