import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { ErrorDialect } from '../dialects/error.ts';
import { RouterError } from '../errors.ts';
import { Connections, type Turn } from './connections.ts';
import { asRouterError, Exchange } from './exchange.ts';
import type { HeaderList } from './headers.ts';
import { MAX_HEADER_BYTES, parserError, refuseRaw } from './raw-refusal.ts';
import { type Access, MethodNotAllowed, type RouteTable } from './routes.ts';

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
  /** Connections at a time. */
  readonly maxConnections: number;
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
    connectionsCheckingInterval: Math.min(500, options.headerTimeoutMs),
    // Looked for with the other odd things, so that its absence is told in the caller's dialect too.
    requireHostHeader: false,
  });
  // Node drops headers past its count without a word; one more than allowed makes the excess visible.
  server.maxHeadersCount = MAX_HEADERS + 1;

  let serving = 0;
  const idle = new EventEmitter();
  const connections = new Connections(server, options.maxConnections, async (turn) => {
    serving += 1;
    try {
      await serve(turn, options);
    } finally {
      serving -= 1;
      if (serving === 0) idle.emit('idle');
    }
  });
  server.on('request', (req, res) => connections.take(req, res, false));
  server.on('checkContinue', (req, res) => connections.take(req, res, true));
  // Refused with the other odd things, when it is its turn.
  server.on('checkExpectation', (req, res) => connections.take(req, res, false));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !(socket instanceof Socket)) socket.destroy();
    else if (!connections.closesAfterWork(socket))
      refuseRaw(parserError(error.code), socket, options.errorsFor(undefined, ''));
  });
  server.on('connect', (_, socket) => {
    socket.on('error', () => {});
    // Node reads nothing more of this connection, so it cannot be left to the end of a request in work.
    if (!(socket instanceof Socket) || connections.closesAfterWork(socket)) socket.destroy();
    else
      refuseRaw(
        new RouterError('method_not_allowed', 'CONNECT is not offered.'),
        socket,
        options.errorsFor(undefined, ''),
      );
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const gone = new Promise<void>((resolve) => {
    server.once('close', resolve);
  });
  return {
    server,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close() {
      if (server.listening) server.close();
      await gone;
      if (serving > 0) await once(idle, 'idle');
    },
  };
}

async function serve({ req, res, expectsContinue, surplus }: Turn, options: ListenerOptions): Promise<void> {
  const exchange = new Exchange(req, res, options.errorsFor(undefined, ''), expectsContinue);
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
    if (surplus && route.access !== 'open') throw tooMany();
    const pending = options.authorize(exchange, route.access);
    if (pending) await pending;
    // Who left meanwhile will send no body and read no answer, and no event tells of it again.
    if (exchange.gone) exchange.facts.ended = 'client_gone';
    else await route.handle(exchange);
  } catch (error) {
    if (error instanceof OddRequest) res.shouldKeepAlive = false;
    failOrCut(exchange, error);
  } finally {
    if (!req.complete) endUnwantedUpload(req, res);
    await closed;
    options.onFinished(exchange);
  }
}

function tooMany(): RouterError {
  return new RouterError('too_many_connections', 'The router has too many connections.', { retryAfter: 1 });
}

/** A request whose error cannot be answered either is cut: nobody must wait for it. */
function failOrCut(exchange: Exchange, error: unknown): void {
  try {
    exchange.fail(asRouterError(error), error instanceof MethodNotAllowed ? ['allow', error.allow] : []);
  } catch (failure) {
    exchange.facts.cause = failure;
    exchange.res.destroy();
  }
}

/** Requests that parsers disagree on or that ask for another protocol, and sizes that no client needs (C8, C9, C12, C16). */
function refuseOddRequests(exchange: Exchange): void {
  const { req, headers } = exchange;
  const url = req.url ?? '';
  if (headers.count > MAX_HEADERS) throw new RouterError('headers_too_large', `More than ${MAX_HEADERS} headers.`);
  if (url.length > MAX_URL_BYTES)
    throw new RouterError('url_too_long', `The URL is longer than ${MAX_URL_BYTES} bytes.`);
  const { httpVersion } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw odd('The only versions of HTTP here are 1.1 and 1.0.');
  // A fragment is no part of a request target; the route table would cut it off without a word.
  if (!url.startsWith('/') || url.includes('#')) throw odd('The request target must be a path.');
  const hosts = headers.getAll('host').length;
  if (hosts > 1) throw odd('More than one Host header.');
  if (hosts === 0 && httpVersion === '1.1') throw odd('There is no Host header.');
  const codings = headers.getAll('transfer-encoding');
  if (codings.length > 0 && (codings.join(',').trim().toLowerCase() !== 'chunked' || httpVersion === '1.0')) {
    throw odd('The only transfer coding is chunked, over HTTP/1.1.');
  }
  if (headers.get('upgrade') !== undefined) throw odd('HTTP/1.1 is spoken here, without an upgrade to anything else.');
  const expectation = headers.get('expect');
  if (expectation !== undefined && expectation.trim().toLowerCase() !== '100-continue') {
    throw new RouterError('expectation_failed', 'The only expectation that is met is 100-continue.');
  }
}

function odd(text: string): OddRequest {
  return new OddRequest('invalid_request', text);
}

/** Whatever else stands on its connection may be cut wrongly too. */
class OddRequest extends RouterError {}

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
