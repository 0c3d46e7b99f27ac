import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ErrorDialect } from '../dialects/error.ts';
import { ERRORS, type ErrorCode, RouterError } from '../errors.ts';
import { openDoors } from './doors.ts';
import { asRouterError, Exchange, newRequestId } from './exchange.ts';
import type { HeaderList } from './headers.ts';
import { type Access, MethodNotAllowed, type RouteTable } from './routes.ts';

/** Bytes of the request line and headers together, Node's and nginx's usual figure. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 100;
const MAX_URL_BYTES = 8 * 1024;
/** How long a client may go on sending a body that nobody wants, after it got its error. Milliseconds. */
const LINGER_MS = 5_000;

export interface ListenerOptions {
  readonly routes: RouteTable;
  /** Throws when the caller may not use a route of that kind. */
  authorize(exchange: Exchange, access: Access): void | Promise<void>;
  /** How errors are said to a caller whose route says nothing about it. */
  errorsFor(headers: HeaderList | undefined, path: string): ErrorDialect;
  /** Called once per request, when it is answered and the connection has let go of it. */
  onFinished(exchange: Exchange): void;
  /** While it is true, answers ask for the connection to be closed. */
  isDraining(): boolean;
  readonly headerTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** A listening HTTP server. */
export interface Listener {
  readonly server: Server;
  /** Takes no more connections. Resolves when all are gone and every request was handed to `onFinished`. */
  close(): Promise<void>;
  /** `http://host:port`, IPv6 in brackets. */
  readonly url: string;
}

/** Starts listening. Rejects when the address cannot be had. */
export async function listen(host: string, port: number, options: ListenerOptions): Promise<Listener> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: options.headerTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    // The default of 30 s would make the header limit 30 s longer than it says.
    connectionsCheckingInterval: Math.min(2_000, options.headerTimeoutMs),
    requireHostHeader: true,
  });
  // Node drops headers past its count without a word; one more than allowed makes the excess visible.
  server.maxHeadersCount = MAX_HEADERS + 1;

  let serving = 0;
  const idle = new EventEmitter();
  const start = async (req: IncomingMessage, res: ServerResponse, expects: boolean) => {
    serving += 1;
    try {
      await serve(req, res, options, expects);
    } finally {
      serving -= 1;
      if (serving === 0) idle.emit('idle');
    }
  };
  server.on('request', (req, res) => void start(req, res, false));
  server.on('checkContinue', (req, res) => void start(req, res, true));
  server.on('checkExpectation', (req, res) => {
    const exchange = new Exchange(req, res, options.errorsFor(undefined, ''), false);
    res.once('close', () => options.onFinished(exchange));
    exchange.fail(new RouterError('expectation_failed', 'The only expectation that is met is 100-continue.'));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseRaw(error, socket, options));

  const doors = await openDoors(server, host, port);
  return {
    server,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${doors.port}`,
    async close() {
      await doors.close();
      if (serving > 0) await once(idle, 'idle');
    },
  };
}

async function serve(req: IncomingMessage, res: ServerResponse, options: ListenerOptions, expects: boolean) {
  const exchange = new Exchange(req, res, options.errorsFor(undefined, ''), expects);
  const closed = new Promise<void>((resolve) => {
    res.once('close', () => {
      // The whole answer was handed over, and not all of it had left when the client did.
      if (!res.writableFinished && exchange.facts.ended === 'complete') exchange.facts.ended = 'client_gone';
      resolve();
    });
  });
  try {
    exchange.errors = options.errorsFor(exchange.headers, exchange.path);
    if (options.isDraining()) res.shouldKeepAlive = false;
    refuseOddRequests(exchange);
    const route = options.routes.match(exchange);
    exchange.facts.route = route.name;
    if (route.errors) exchange.errors = route.errors;
    const pending = options.authorize(exchange, route.access);
    if (pending) await pending;
    await route.handle(exchange);
  } catch (error) {
    exchange.fail(asRouterError(error), error instanceof MethodNotAllowed ? ['allow', error.allow] : []);
  } finally {
    if (!req.complete) endUnwantedUpload(req, res);
    await closed;
    options.onFinished(exchange);
  }
}

/** Requests that parsers disagree on, and sizes that no client needs (C8, C9, C12). */
function refuseOddRequests(exchange: Exchange): void {
  const { req, headers } = exchange;
  const url = req.url ?? '';
  if (headers.count > MAX_HEADERS) throw new RouterError('headers_too_large', `More than ${MAX_HEADERS} headers.`);
  if (url.length > MAX_URL_BYTES)
    throw new RouterError('url_too_long', `The URL is longer than ${MAX_URL_BYTES} bytes.`);
  if (!url.startsWith('/')) throw new RouterError('invalid_request', 'The request target must be a path.');
  if (headers.getAll('host').length > 1) throw new RouterError('invalid_request', 'More than one Host header.');
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined && (coding.trim().toLowerCase() !== 'chunked' || req.httpVersion === '1.0')) {
    throw new RouterError('invalid_request', 'The only transfer coding is chunked, over HTTP/1.1.');
  }
}

/**
 * Closing at once would reset the connection, and the client might never read why it was refused. Node reads the rest of
 * the body away; a client that does not stop is cut off.
 */
function endUnwantedUpload(req: IncomingMessage, res: ServerResponse): void {
  const timer = setTimeout(() => req.socket.destroy(), LINGER_MS).unref();
  const stop = () => clearTimeout(timer);
  req.once('end', stop);
  res.once('close', () => {
    if (req.complete) stop();
  });
  req.resume();
}

/** Answers on the bare socket: what came was no HTTP request, so there is no response object. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Duplex, options: ListenerOptions): void {
  // Node leaves `_httpMessage` on a socket whose answer has begun: bytes of a second answer must not go into it.
  const begun = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage?.headersSent ?? false;
  if (!socket.writable || begun || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { code, text } = parserError(error.code);
  const failure = new RouterError(code, text);
  const id = newRequestId();
  const body = options.errorsFor(undefined, '').body(failure, id);
  const status = ERRORS[code].status;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Bad Request'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nx-should-retry: false\r\nrequest-id: ${id}\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function parserError(code: string | undefined): { code: ErrorCode; text: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'headers_too_large', text: `The headers are larger than ${MAX_HEADER_BYTES} bytes.` };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'body_timeout', text: 'The request took too long to arrive.' };
    default:
      return { code: 'invalid_request', text: 'This is not a valid HTTP/1.1 request.' };
  }
}
