import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorDialect } from '../dialects/error.ts';
import { RouterError } from '../errors.ts';
import { newRequestId } from './exchange.ts';

/** Bytes of the request line and headers together, Node's and nginx's usual figure. */
export const MAX_HEADER_BYTES = 16 * 1024;

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

/** Answers on the bare socket, where there is no response object, and closes it. */
export function refuseRaw(failure: RouterError, socket: Socket, errors: ErrorDialect): void {
  // Node leaves `_httpMessage` on a socket whose answer has begun: bytes of a second answer must not go into it.
  const begun = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage?.headersSent ?? false;
  if (!socket.writable || begun) {
    socket.destroy();
    return;
  }
  const id = newRequestId();
  const body = errors.body(failure, id);
  const { status } = failure.kind;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Bad Request'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nx-should-retry: false\r\nrequest-id: ${id}\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** What the client may know of an error of Node's HTTP parser. */
export function parserError(code: string | undefined): RouterError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new RouterError('headers_too_large', `The headers are larger than ${MAX_HEADER_BYTES} bytes.`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new RouterError('body_too_large', 'The chunk extensions of the request body are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RouterError('body_timeout', 'The request took too long to arrive.');
    default:
      return new RouterError('invalid_request', 'This is not a valid HTTP/1.1 request.');
  }
}
