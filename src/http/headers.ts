/**
 * Which headers may cross the router. Lists are flat (`[name, value, name, value, …]`, names in lower case), so that
 * repeated headers survive in both directions.
 */

/** RFC 9110 section 7.6.1: these belong to one connection, as does every name listed in `Connection`. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // An option of `Connection`, not a header; one of that name would be named by it, which `namedByConnection` leaves out.
  'close',
];

/** Headers in which clients put the router's token. They never reach an upstream, whatever they hold. */
export const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key'] as const;

/** Who the client is on the network is nobody's business upstream, and a client could forge it. */
const FORWARDING = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-ipcountry',
  'cf-ray',
  'cf-visitor',
  'fastly-client-ip',
  'fly-client-ip',
];

const REQUEST_DROPPED = new Set([
  ...HOP_BY_HOP,
  ...CREDENTIAL_HEADERS,
  ...FORWARDING,
  'host',
  'cookie',
  'expect',
  // Framing and codings are made anew: the body may have been decompressed, and answers are asked for as they are.
  'content-length',
  'content-encoding',
  'accept-encoding',
  // Ours goes out in answers; theirs would be a way to forge it in the upstream's logs.
  'request-id',
  'x-request-id',
]);

/** Headers that describe the operator's account or its network path, or that would plant state in the client. */
const RESPONSE_DROPPED = new Set([
  ...HOP_BY_HOP,
  ...CREDENTIAL_HEADERS,
  'anthropic-organization-id',
  'set-cookie',
  'cf-ray',
  'cf-cache-status',
  'via',
  'www-authenticate',
  'alt-svc',
  'nel',
  'report-to',
  // Replaced by the router's own; the upstream's stands in `x-upstream-request-id`.
  'request-id',
  'x-request-id',
  'x-upstream-request-id',
]);

// The last: which web pages may read answers is for this origin to say, and it says none (S24).
const RESPONSE_DROPPED_PREFIXES = ['anthropic-ratelimit-', 'x-ratelimit-', 'access-control-'];

/** Names listed in `Connection` headers, which are hop-by-hop for this message (RFC 9110 section 7.6.1). */
function namedByConnection(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined) return undefined;
  const lower = value.trim().toLowerCase();
  // What nearly every client sends, and what names nothing more.
  if (lower === 'keep-alive' || lower === 'close') return undefined;
  return new Set(lower.split(',').map((name) => name.trim()));
}

/** The headers of one request, read from Node's `rawHeaders`: names in lower case, order and repetitions kept. */
export class HeaderList {
  readonly #flat: readonly string[];

  constructor(raw: readonly string[]) {
    const flat = raw.slice();
    for (let i = 0; i < flat.length; i += 2) flat[i] = flat[i]!.toLowerCase();
    this.#flat = flat;
  }

  get count(): number {
    return this.#flat.length / 2;
  }

  /** The first value of a header. `name` in lower case. */
  get(name: string): string | undefined {
    const flat = this.#flat;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1];
    return undefined;
  }

  /** All values of a header, in order. `name` in lower case. */
  getAll(name: string): string[] {
    const flat = this.#flat;
    const values: string[] = [];
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) values.push(flat[i + 1]!);
    return values;
  }

  /** What may go on to an upstream: everything but connection, credential, cookie and network-path headers. */
  forwardable(): string[] {
    const flat = this.#flat;
    const connection = this.getAll('connection');
    const named = namedByConnection(connection.length > 1 ? connection.join(',') : connection[0]);
    const kept: string[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i]!;
      if (REQUEST_DROPPED.has(name) || named?.has(name) || name.startsWith('x-router-')) continue;
      kept.push(name, flat[i + 1]!);
    }
    return kept;
  }
}

/** Headers of an upstream's answer, as undici gives them: lower-case names, arrays for repeated ones. */
export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What of an upstream's answer may go on to the client. */
export function relayable(headers: UpstreamHeaders): string[] {
  const named = namedByConnection(headerText(headers['connection']));
  const kept: string[] = [];
  for (const name in headers) {
    if (RESPONSE_DROPPED.has(name) || named?.has(name)) continue;
    if (RESPONSE_DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    const value = headers[name];
    if (typeof value === 'string') kept.push(name, value);
    else if (value) for (const one of value) kept.push(name, one);
  }
  return kept;
}

/** One text for a header that may be repeated. */
export function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
