/**
 * A cheap upstream in a process of its own. It answers with bytes that were made beforehand; which ones, the start of the
 * request's body tells. Prints its port.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JSON_ANSWER, PACE_MS, REQUEST_HEAD_BYTES, STREAM_EVENTS } from './shapes.ts';

const STREAM_HEAD = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
const JSON_HEAD = { 'content-type': 'application/json', 'content-length': JSON_ANSWER.length };

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  let head = '';
  request.on('data', (chunk: Buffer) => {
    if (head.length < REQUEST_HEAD_BYTES) head += chunk.toString('latin1', 0, REQUEST_HEAD_BYTES);
  });
  request.on('end', () => {
    if (!head.includes('"stream":true')) response.writeHead(200, JSON_HEAD).end(JSON_ANSWER);
    else if (head.includes('"user_id":"idle"')) response.writeHead(200, STREAM_HEAD).write(STREAM_EVENTS[0]);
    else stream(response);
  });
});

/** One event per write. A timer per stream, so that streams do not beat in time. */
function stream(response: ServerResponse): void {
  response.writeHead(200, STREAM_HEAD).write(STREAM_EVENTS[0]);
  let next = 1;
  const timer = setInterval(() => {
    response.write(STREAM_EVENTS[next]);
    next += 1;
    if (next < STREAM_EVENTS.length) return;
    clearInterval(timer);
    response.end();
  }, PACE_MS);
  response.on('close', () => clearInterval(timer));
}

server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
