import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorDialect } from '../dialects/error.ts';
import type { Usage } from '../dialects/usage.ts';
import { RouterError } from '../errors.ts';
import type { TokenRecord } from '../store/store.ts';
import { HeaderList } from './headers.ts';

/** What the log line, the metrics and the usage row say about one request. Filled in as the request goes its way. */
export interface Facts {
  /** Name of the route; `none` when no route matched. */
  route: string;
  token: TokenRecord | undefined;
  upstream: string | null;
  account: string | null;
  model: string | null;
  streamed: boolean;
  /** Why it ended: `complete`, `refused` (answered here with an error), or what broke it. */
  ended: string;
  attempts: number;
  bytesToUpstream: number;
  bytesFromUpstream: number;
  /** Milliseconds until the first byte of the upstream's answer. */
  firstByteMs: number | null;
  upstreamRequestId: string | null;
  /** What the answer cost; `null` when no model was asked to write one. */
  usage: (Usage & { readonly estimated: boolean }) | null;
  /** For the operator's log only. */
  cause: unknown;
}

/** One request and its answer. Knows HTTP and nothing of any vendor. */
export class Exchange {
  readonly id = newRequestId();
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly headers: HeaderList;
  /** Path as the client sent it, without the query. */
  readonly path: string;
  /** Raw query without the `?`. */
  readonly query: string;
  /** Unix milliseconds. */
  readonly startedAt = Date.now();
  readonly started = performance.now();
  readonly facts: Facts = {
    route: 'none',
    token: undefined,
    upstream: null,
    account: null,
    model: null,
    streamed: false,
    ended: 'complete',
    attempts: 0,
    bytesToUpstream: 0,
    bytesFromUpstream: 0,
    firstByteMs: null,
    upstreamRequestId: null,
    usage: null,
    cause: undefined,
  };
  /** How errors are said to this caller. */
  errors: ErrorDialect;
  /** The client waits for `100 Continue` before it sends its body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;

  constructor(req: IncomingMessage, res: ServerResponse, errors: ErrorDialect, expectsContinue: boolean) {
    this.req = req;
    this.res = res;
    this.errors = errors;
    this.expectsContinue = expectsContinue;
    this.headers = new HeaderList(req.rawHeaders);
    const url = req.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? '' : url.slice(mark + 1);
  }

  /** The connection is closed, so nobody reads an answer any more. */
  get gone(): boolean {
    return this.res.destroyed || this.res.closed;
  }

  /** Status of the answer for logs; 499 (nginx's number) when the client left before there was one. */
  get status(): number {
    return this.res.headersSent ? this.res.statusCode : 499;
  }

  get elapsedMs(): number {
    return performance.now() - this.started;
  }

  /** Headers that every answer has (CL14, S34). */
  ownHeaders(): string[] {
    return ['request-id', this.id, 'x-request-id', this.id];
  }

  /** Answers with a complete body. */
  send(status: number, contentType: string, body: string, headers: readonly string[] = []): void {
    if (this.gone || this.res.headersSent) return;
    const bytes = Buffer.from(body);
    this.res.writeHead(status, [
      'content-type',
      contentType,
      'content-length',
      String(bytes.length),
      'cache-control',
      'no-store',
      'x-content-type-options',
      'nosniff',
      ...headers,
      ...this.ownHeaders(),
    ]);
    this.res.end(this.req.method === 'HEAD' ? undefined : bytes);
  }

  sendJson(status: number, value: unknown): void {
    this.send(status, 'application/json', JSON.stringify(value));
  }

  /** Answers with an error in the caller's dialect. `headers` go with it, e.g. `allow`. */
  fail(error: RouterError, headers: readonly string[] = []): void {
    if (this.facts.ended === 'complete') this.facts.ended = 'refused';
    this.facts.cause = error.cause ?? error;
    const hints = [...headers];
    if (error.retryAfter !== undefined) hints.push('retry-after', String(error.retryAfter));
    if (!error.kind.retry) hints.push('x-should-retry', 'false');
    this.send(error.kind.status, 'application/json', this.errors.body(error, this.id), hints);
  }
}

/**
 * An id for logs, answers and usage rows: 12 hexadecimal digits of milliseconds, then 18 random ones. Ids of the same time stand
 * beside each other in an index, so that a group of rows touches a page or two and not one page per row.
 */
export function newRequestId(): string {
  const uuid = randomUUID();
  return `req_${Date.now().toString(16).padStart(12, '0')}${uuid.slice(15, 18)}${uuid.slice(20, 23)}${uuid.slice(24)}`;
}

/** Wraps what a handler threw. Its text stays in the log. */
export function asRouterError(error: unknown): RouterError {
  if (error instanceof RouterError) return error;
  return new RouterError('internal', 'Internal error. The request id is in the log of the router.', { cause: error });
}
