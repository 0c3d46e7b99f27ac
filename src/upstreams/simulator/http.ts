import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ApiError } from './api-error.ts';

/** Bytes. The vendor's limit is 32 MB; this is a little above the router's default, which is to be met first. */
const MAX_BODY_BYTES = 33 * 1024 * 1024;

/** One organization for all: it is here so that its absence in the router's answers can be seen. */
const ORGANIZATION_ID = '00000000-0000-4000-8000-000000000000';

/** Per minute. Nothing counts down: the simulator never runs out, except when asked to. */
const RATE_LIMITS = { requests: 4_000, tokens: 2_400_000, 'input-tokens': 2_000_000, 'output-tokens': 400_000 };

/** One request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Position of the request among all of this server, for ids. */
  readonly serial: number;
  readonly requestId: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** Aborted when the peer went away. */
  readonly gone: AbortSignal;
}

/** Reads a body. Rejects with an `ApiError` of status 413; what is left of the body is then discarded as it comes. */
export function readBody({ req, gone }: Exchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      req.off('data', onData).resume();
      reject(new ApiError(413, 'Request exceeds the maximum size'));
    };
    req.on('data', onData).on('end', () => resolve(Buffer.concat(chunks)));
    gone.addEventListener('abort', () => reject(new Error('the peer went away')));
  });
}

export function sendJson(exchange: Exchange, body: object): void {
  sendBody(exchange, 200, body);
}

export function sendError(exchange: Exchange, error: ApiError): void {
  sendBody(exchange, error.status, error.body(exchange.requestId), error);
}

function sendBody(exchange: Exchange, status: number, body: object, error?: ApiError): void {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = { ...headersOf(exchange, 'application/json', error), 'content-length': bytes.length };
  exchange.res.writeHead(status, headers).end(bytes);
}

/** The headers that the API sends beside an answer: https://docs.claude.com/en/api/rate-limits#response-headers */
export function headersOf(exchange: Exchange, contentType: string, error?: ApiError): OutgoingHttpHeaders {
  const limited = error?.status === 429;
  const wait = error?.retryAfter ?? 0;
  const headers: OutgoingHttpHeaders = {
    'content-type': contentType,
    'request-id': exchange.requestId,
    'anthropic-organization-id': ORGANIZATION_ID,
  };
  if (wait > 0) headers['retry-after'] = String(wait);
  const reset = new Date(exchange.now + wait * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  for (const [name, limit] of Object.entries(RATE_LIMITS)) {
    headers[`anthropic-ratelimit-${name}-limit`] = limit;
    headers[`anthropic-ratelimit-${name}-remaining`] = limited ? 0 : limit - 1;
    headers[`anthropic-ratelimit-${name}-reset`] = reset;
  }
  return headers;
}
