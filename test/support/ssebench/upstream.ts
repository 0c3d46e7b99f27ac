/**
 * The bench's upstream, in a process of its own: `node upstream.ts [ledger]`. Bare sockets, so that it costs less than what it
 * loads. A request's body says what it wants (`Wish`). Prints its port. Into the ledger goes a line per answer that was
 * begun, and one more when it ended well: `request-id status outputTokens`, and `-` for tokens that nobody was told.
 */
import { createWriteStream } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { JSON_ANSWER } from '../../../bench/shapes.ts';
import { endEvents, EVENT_BYTES, micros, START_EVENTS, writeCountedEvent } from './event.ts';
import { readWish, type Wish, WISH_WITHIN } from './wish.ts';

/** Tokens that `JSON_ANSWER` says. */
const JSON_OUTPUT_TOKENS = 480;
/** undici closes a connection that was idle for this long, less its margin of 4 s. Seconds. */
const KEEP_ALIVE_S = 9;

const ledgerPath = process.argv[2];
const ledger = ledgerPath === undefined ? undefined : createWriteStream(ledgerPath);
const prefix = process.pid.toString(36);
let answers = 0;

const note = (id: string, status: number, tokens: number | '-') => ledger?.write(`${id} ${status} ${tokens}\n`);
const chunk = (bytes: Buffer | string): Buffer => {
  const size = `${Buffer.byteLength(bytes).toString(16)}\r\n`;
  return Buffer.concat([Buffer.from(size), Buffer.from(bytes), CRLF]);
};
const CRLF = Buffer.from('\r\n');
const CHUNK_HEAD = Buffer.from(`${EVENT_BYTES.toString(16)}\r\n`);
const head = (status: string, type: string, id: string, rest: string) =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\nrequest-id: ${id}\r\nkeep-alive: timeout=${KEEP_ALIVE_S}\r\n${rest}\r\n\r\n`;

const server = createServer({ noDelay: true }, (socket) => {
  let waiting = '';
  /** Bytes of the body that are to come; `undefined` while the head is read. */
  let left: number | undefined;
  let start = '';
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    let at = 0;
    if (left === undefined) {
      waiting += bytes.toString('latin1');
      const end = waiting.indexOf('\r\n\r\n');
      if (end < 0) return;
      left = Number(/content-length: (\d+)/i.exec(waiting)?.[1] ?? 0);
      start = '';
      at = bytes.length - (waiting.length - end - 4);
      waiting = '';
    }
    if (start.length < WISH_WITHIN) start += bytes.toString('latin1', at, at + WISH_WITHIN);
    left -= bytes.length - at;
    if (left > 0) return;
    left = undefined;
    answer(socket, readWish(start));
  });
});

function answer(socket: Socket, wish: Wish | undefined): void {
  const id = `req_bench_${prefix}_${(answers += 1)}`;
  if (!wish) {
    socket.write(head('200 OK', 'application/json', id, `content-length: ${JSON_ANSWER.length}`));
    socket.write(JSON_ANSWER);
    note(id, 200, JSON_OUTPUT_TOKENS);
  } else if (wish.fault === 'silent') {
    socket.end();
  } else if (wish.fault === 'overloaded') {
    const body = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
    socket.write(head('529 Overloaded', 'application/json', id, `content-length: ${body.length}`) + body);
    note(id, 529, '-');
  } else {
    stream(socket, id, wish);
  }
}

/** One event per write. Each stream has a timer of its own, so that streams do not beat in time. */
function stream(socket: Socket, id: string, { stream: number, events, every, fault }: Wish): void {
  socket.write(
    head('200 OK', 'text/event-stream; charset=utf-8', id, 'transfer-encoding: chunked') + chunk(START_EVENTS),
  );
  note(id, 200, '-');
  const last = fault === undefined ? events : Math.floor(events / 2);
  let next = 0;
  const stop = () => clearInterval(timer);
  const timer = setInterval(() => {
    if (next < last) {
      // A buffer of its own: the socket may keep it for later.
      const bytes = Buffer.allocUnsafe(CHUNK_HEAD.length + EVENT_BYTES + CRLF.length);
      CHUNK_HEAD.copy(bytes);
      writeCountedEvent(bytes, CHUNK_HEAD.length, { stream: number, sequence: next, sentAt: micros() });
      CRLF.copy(bytes, bytes.length - CRLF.length);
      socket.write(bytes);
      next += 1;
      return;
    }
    stop();
    socket.off('close', stop);
    if (fault === undefined) note(id, 200, events);
    if (fault === 'cut') socket.destroy();
    else if (fault === 'reset') socket.resetAndDestroy();
    else {
      socket.write(chunk(endEvents(events)));
      socket.write('0\r\n\r\n');
    }
  }, every);
  socket.once('close', stop);
}

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log((server.address() as AddressInfo).port));
process.once('SIGTERM', () => {
  if (ledger) ledger.end(() => process.exit());
  else process.exit();
});
