import { isIP } from 'node:net';
import { z } from 'zod';

/** Where a setting comes from and how it is described; `--help` and the reference page are printed from this. */
export interface FieldMeta {
  /** Long flag without the dashes. */
  readonly flag: string;
  /** Environment variable. */
  readonly env: string;
  /** What the setting is for, in sentences. Units and the default stand in columns of their own. */
  readonly doc: string;
  /** What a value may look like, for the error text and the reference. */
  readonly accepts: string;
  readonly group: Group;
  /** A secret is never printed: neither its value nor its default. */
  readonly secret?: boolean;
  /** The default in words, where the value itself depends on the machine. */
  readonly defaultText?: string;
}

type Group = 'Listeners' | 'Tokens' | 'Storage' | 'Upstream' | 'Surfaces' | 'Limits' | 'Time limits' | 'Logging';

const described = z.registry<FieldMeta>();

const TRUE = new Set(['1', 'true', 'yes', 'on']);
const FALSE = new Set(['0', 'false', 'no', 'off', '']);

const boolean = () =>
  z.preprocess((value) => {
    if (typeof value !== 'string') return value;
    const word = value.trim().toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    return value;
  }, z.boolean());

const integer = (minimum: number, maximum: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value),
    z.number().int().min(minimum).max(maximum),
  );

const choice = <const T extends readonly string[]>(values: T, aliases: Record<string, T[number]> = {}) =>
  z.preprocess((value) => {
    if (typeof value !== 'string') return value;
    const word = value.trim().toLowerCase();
    return Object.hasOwn(aliases, word) ? aliases[word] : word;
  }, z.enum(values));

/** An empty value means "not set": `TOKEN_ADMIN_KEY=` in a file must not open anything. */
const optionalText = () =>
  z.preprocess(
    (value) => (typeof value === 'string' && value.trim() === '' ? undefined : value),
    z.string().optional(),
  );

/** A secret that travels in a header. Surrounding white space is dropped: files that secrets are read from end in a newline. */
const headerText = () =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.trim() || undefined : value),
    z
      .string()
      .regex(/^[\x20-\x7e]+$/)
      .optional(),
  );

/** A host name or an address, without port: `localhost`, `0.0.0.0`, `::1`, `[::1]`. */
const host = () =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.trim().replace(/^\[(.*)\]$/, '$1') : value),
    z.string().regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*)$/),
  );

/** `http` or `https`, no credentials, query or fragment in it. Trailing slashes are dropped. */
const baseUrl = () =>
  z.string().transform((value, context) => {
    const url = URL.parse(value.trim());
    const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
    if (!plain) {
      context.addIssue('not a plain http(s) URL');
      return z.NEVER;
    }
    return url.href.replace(/\/+$/, '');
  });

/** An IP address, or a network of them: `10.0.0.0/8`. */
function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (prefix === undefined || Number(prefix) <= (family === 4 ? 32 : 128));
}

/** Words with commas between. */
const networks = () =>
  z.preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((word) => word.trim())
            .filter((word) => word !== '')
        : value,
    z.array(z.string().refine(isNetwork)).readonly(),
  );

const ACCEPTS_BOOLEAN = '1/0, true/false, yes/no, on/off';
const ACCEPTS_PORT = 'a port number (0-65535)';
const ACCEPTS_MILLISECONDS = 'milliseconds (1-86400000)';
const ACCEPTS_BYTES = 'bytes (1024-268435456)';

const milliseconds = () => integer(1, 86_400_000);

export const configSchema = z.object({
  host: host().default('127.0.0.1').register(described, {
    flag: 'host',
    env: 'ROUTER_HOST',
    group: 'Listeners',
    accepts: 'a host name or an IP address',
    doc: 'Address to listen on. Use 0.0.0.0 or :: to be reachable from other machines, behind a TLS proxy.',
  }),
  port: integer(0, 65_535).default(8080).register(described, {
    flag: 'port',
    env: 'ROUTER_PORT',
    group: 'Listeners',
    accepts: ACCEPTS_PORT,
    doc: 'Port to listen on. 0 takes a free one; the start prints which.',
  }),
  adminHost: host().optional().register(described, {
    flag: 'admin-host',
    env: 'ADMIN_HOST',
    group: 'Listeners',
    accepts: 'a host name or an IP address',
    defaultText: '127.0.0.1, when ADMIN_PORT is set',
    doc: 'Address of the admin listener.',
  }),
  adminPort: integer(0, 65_535).optional().register(described, {
    flag: 'admin-port',
    env: 'ADMIN_PORT',
    group: 'Listeners',
    accepts: ACCEPTS_PORT,
    defaultText: 'no listener of their own',
    doc: 'Moves the admin routes and /metrics from the main listener to one of their own.',
  }),
  trustedProxies: networks().default([]).register(described, {
    flag: 'trusted-proxies',
    env: 'TRUSTED_PROXIES',
    group: 'Listeners',
    accepts: 'IP addresses and networks (10.0.0.0/8), with commas between',
    defaultText: 'none',
    doc: 'Reverse proxies in front of the router. Their X-Forwarded-For tells who a client is, for AUTH_FAILURES_PER_MINUTE; without it, all clients behind a proxy share its address.',
  }),

  tokenSecret: optionalText().register(described, {
    flag: 'token-secret',
    env: 'TOKEN_SECRET',
    group: 'Tokens',
    accepts: 'at least 32 bytes, at least 16 of them different, no published example',
    secret: true,
    defaultText: 'a random one in DATA_DIR/token-secret, made at the first start',
    doc: 'Signs the tokens that the router issues. Prefer the environment or a file: a flag is visible in the process list.',
  }),
  tokenSecretPrevious: optionalText().register(described, {
    flag: 'token-secret-previous',
    env: 'TOKEN_SECRET_PREVIOUS',
    group: 'Tokens',
    accepts: 'as TOKEN_SECRET',
    secret: true,
    doc: 'The secret before the present one: its tokens stay valid while it is set. Removing it ends them.',
  }),
  adminKey: headerText().register(described, {
    flag: 'admin-key',
    env: 'TOKEN_ADMIN_KEY',
    group: 'Tokens',
    accepts: 'printable ASCII text',
    secret: true,
    doc: 'A flat key for the admin routes, beside tokens of scope admin. Without one, only admin tokens open them.',
  }),

  dataDir: optionalText().register(described, {
    flag: 'data-dir',
    env: 'DATA_DIR',
    group: 'Storage',
    accepts: 'a folder',
    defaultText: '~/.link-assistant-router',
    doc: 'Folder of the database and the signing secret. Made with mode 0700; a start with open modes is refused.',
  }),
  storagePolicy: choice(['sqlite', 'memory'], {
    mem: 'memory',
    none: 'memory',
    text: 'sqlite',
    lino: 'sqlite',
    binary: 'sqlite',
    bin: 'sqlite',
    'link-cli': 'sqlite',
    linkcli: 'sqlite',
    clink: 'sqlite',
    both: 'sqlite',
    dual: 'sqlite',
  })
    .default('sqlite')
    .register(described, {
      flag: 'storage-policy',
      env: 'STORAGE_POLICY',
      group: 'Storage',
      accepts: 'sqlite, memory (and the names of 0.17.0: text, binary, both, which mean sqlite)',
      doc: 'Where tokens and usage are kept. `memory` forgets everything at the end of the process.',
    }),
  fixPerms: boolean().default(false).register(described, {
    flag: 'fix-perms',
    env: 'FIX_PERMS',
    group: 'Storage',
    accepts: ACCEPTS_BOOLEAN,
    doc: 'Closes open file modes in DATA_DIR at the start instead of refusing it.',
  }),

  upstreamProvider: choice(['anthropic', 'simulator'], { claude: 'anthropic' })
    .default('anthropic')
    .register(described, {
      flag: 'upstream-provider',
      env: 'UPSTREAM_PROVIDER',
      group: 'Upstream',
      accepts: 'anthropic, claude, simulator',
      doc: 'Where requests go. `simulator` is built in, costs nothing and needs no credential.',
    }),
  upstreamBaseUrl: baseUrl().default('https://api.anthropic.com').register(described, {
    flag: 'upstream-base-url',
    env: 'UPSTREAM_BASE_URL',
    group: 'Upstream',
    accepts: 'an https URL (http on loopback only)',
    doc: 'Base URL of the Anthropic upstream.',
  }),
  allowInsecureUpstream: boolean().default(false).register(described, {
    flag: 'allow-insecure-upstream',
    env: 'ALLOW_INSECURE_UPSTREAM',
    group: 'Upstream',
    accepts: ACCEPTS_BOOLEAN,
    doc: 'Allows plain http to an upstream that is not on loopback. The credential then travels unencrypted.',
  }),
  anthropicApiKey: headerText().register(described, {
    flag: 'anthropic-api-key',
    env: 'ANTHROPIC_API_KEY',
    group: 'Upstream',
    accepts: 'an API key: printable ASCII text',
    secret: true,
    doc: 'API key for the Anthropic upstream (account `api-key`). Used before a subscription.',
  }),
  claudeCodeOauthToken: headerText().register(described, {
    flag: 'claude-code-oauth-token',
    env: 'CLAUDE_CODE_OAUTH_TOKEN',
    group: 'Upstream',
    accepts: 'an OAuth access token: printable ASCII text',
    secret: true,
    doc: 'OAuth token of a Claude subscription, as `claude setup-token` prints it (account `oauth-token`).',
  }),
  claudeCodeHome: optionalText().register(described, {
    flag: 'claude-code-home',
    env: 'CLAUDE_CODE_HOME',
    group: 'Upstream',
    accepts: 'a folder',
    defaultText: '~/.claude',
    doc: 'Folder with the credential file of Claude Code (account `primary`). Read again when it changes; never written.',
  }),

  disableAnthropicApi: boolean().default(false).register(described, {
    flag: 'disable-anthropic-api',
    env: 'DISABLE_ANTHROPIC_API',
    group: 'Surfaces',
    accepts: ACCEPTS_BOOLEAN,
    doc: 'Takes the Anthropic surface away: its routes answer 404.',
  }),
  disableMetrics: boolean().default(false).register(described, {
    flag: 'disable-metrics',
    env: 'DISABLE_METRICS',
    group: 'Surfaces',
    accepts: ACCEPTS_BOOLEAN,
    doc: 'Takes /metrics, /v1/usage and /v1/accounts away.',
  }),

  maxBodyBytes: integer(1024, 268_435_456).default(33_554_432).register(described, {
    flag: 'max-body-bytes',
    env: 'MAX_BODY_BYTES',
    group: 'Limits',
    accepts: ACCEPTS_BYTES,
    doc: 'Largest request body, also after decompression. Larger ones get 413.',
  }),
  maxConnections: integer(1, 1_000_000).default(8000).register(described, {
    flag: 'max-connections',
    env: 'MAX_CONNECTIONS',
    group: 'Limits',
    accepts: 'a number (1-1000000)',
    doc: 'Most client connections at a time, at most half of the open files that the process may have. Another one closes the longest idle one; when none is idle it gets 503.',
  }),
  authFailuresPerMinute: integer(1, 1_000_000).default(20).register(described, {
    flag: 'auth-failures-per-minute',
    env: 'AUTH_FAILURES_PER_MINUTE',
    group: 'Limits',
    accepts: 'a number (1-1000000)',
    doc: 'Requests with a wrong credential that one client address may make at once, and then in a minute. Further ones get 429, and TOKEN_ADMIN_KEY is not taken from that address; good tokens are.',
  }),
  authFailuresPerSecond: integer(1, 1_000_000).default(200).register(described, {
    flag: 'auth-failures-per-second',
    env: 'AUTH_FAILURES_PER_SECOND',
    group: 'Limits',
    accepts: 'a number (1-1000000)',
    doc: 'The same for all client addresses together, in a second.',
  }),
  maxJsonDepth: integer(8, 10_000).default(128).register(described, {
    flag: 'max-json-depth',
    env: 'MAX_JSON_DEPTH',
    group: 'Limits',
    accepts: 'a number (8-10000)',
    doc: 'Deepest nesting in a request body.',
  }),
  maxJsonTokens: integer(1000, 100_000_000).default(1_000_000).register(described, {
    flag: 'max-json-tokens',
    env: 'MAX_JSON_TOKENS',
    group: 'Limits',
    accepts: 'a number (1000-100000000)',
    doc: 'Most values, keys and brackets in a request body.',
  }),

  clientHeaderTimeoutMs: milliseconds().default(10_000).register(described, {
    flag: 'client-header-timeout-ms',
    env: 'CLIENT_HEADER_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Time for a client to send its request headers.',
  }),
  clientBodyIdleTimeoutMs: milliseconds().default(30_000).register(described, {
    flag: 'client-body-idle-timeout-ms',
    env: 'CLIENT_BODY_IDLE_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Longest silence while a client sends its body.',
  }),
  clientBodyTimeoutMs: milliseconds().default(300_000).register(described, {
    flag: 'client-body-timeout-ms',
    env: 'CLIENT_BODY_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Time for a client to send its whole request.',
  }),
  keepAliveTimeoutMs: milliseconds().default(75_000).register(described, {
    flag: 'keep-alive-timeout-ms',
    env: 'KEEP_ALIVE_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'How long an idle client connection stays open. Keep it above the idle limit of a load balancer in front.',
  }),
  connectTimeoutMs: milliseconds().default(10_000).register(described, {
    flag: 'connect-timeout-ms',
    env: 'CONNECT_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Time to connect to an upstream, TLS included.',
  }),
  firstByteTimeoutMs: milliseconds().default(600_000).register(described, {
    flag: 'first-byte-timeout-ms',
    env: 'FIRST_BYTE_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Time from the sent request to the first byte of the answer. Then 504, and no second try.',
  }),
  streamIdleTimeoutMs: milliseconds().default(300_000).register(described, {
    flag: 'stream-idle-timeout-ms',
    env: 'STREAM_IDLE_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Longest silence of an upstream inside an answer.',
  }),
  streamTotalTimeoutMs: milliseconds().default(3_600_000).register(described, {
    flag: 'stream-total-timeout-ms',
    env: 'STREAM_TOTAL_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Longest life of one answer.',
  }),
  writeStallTimeoutMs: milliseconds().default(60_000).register(described, {
    flag: 'write-stall-timeout-ms',
    env: 'WRITE_STALL_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'How long a client may leave a full buffer unread before it is cut off.',
  }),
  pingIntervalMs: milliseconds().default(15_000).register(described, {
    flag: 'ping-interval-ms',
    env: 'PING_INTERVAL_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'Silence after which a stream gets a ping, between complete events.',
  }),
  drainTimeoutMs: milliseconds().default(30_000).register(described, {
    flag: 'drain-timeout-ms',
    env: 'DRAIN_TIMEOUT_MS',
    group: 'Time limits',
    accepts: ACCEPTS_MILLISECONDS,
    doc: 'How long running answers may go on after SIGTERM or SIGINT, DRAIN_DELAY_MS included; then they end with an error. A second signal ends at once.',
  }),
  drainDelayMs: integer(0, 86_400_000).default(5_000).register(described, {
    flag: 'drain-delay-ms',
    env: 'DRAIN_DELAY_MS',
    group: 'Time limits',
    accepts: 'milliseconds (0-86400000)',
    doc: 'How long after SIGTERM or SIGINT connections are still taken while /readyz says 503, so that load balancers notice. No wait when nobody asked /readyz within the last minute.',
  }),

  verbose: boolean().default(false).register(described, {
    flag: 'verbose',
    env: 'VERBOSE',
    group: 'Logging',
    accepts: ACCEPTS_BOOLEAN,
    doc: 'Logs at level debug instead of info.',
  }),
});

/** The settings of one router, checked and with their defaults. Folders are absolute. */
export type Config = z.output<typeof configSchema> & { dataDir: string; claudeCodeHome: string };
export type ConfigKey = keyof Config;

/** A setting as the flag parser, the loader and the reference page see it. */
export interface Field extends FieldMeta {
  readonly key: ConfigKey;
  readonly isBoolean: boolean;
  readonly default: unknown;
}

/** All settings in the order of the schema. */
export const fields: readonly Field[] = configSchema.keyof().options.map(describe);

function describe(key: ConfigKey): Field {
  const schema = configSchema.shape[key];
  const meta = described.get(schema);
  if (!meta) throw new TypeError(`the setting ${key} has no description`);
  const fallback = schema.safeParse(undefined);
  return {
    ...meta,
    key,
    isBoolean: meta.accepts === ACCEPTS_BOOLEAN,
    default: fallback.success ? fallback.data : undefined,
  };
}
