import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from './api-error.ts';
import type { StreamEnding, Wishes } from './faults.ts';
import { type Exchange, headersOf, sendJson } from './http.ts';
import { type Message, type StreamEvent, streamOf } from './message.ts';

/** Pieces that a stream sends before a fault, when it has that many. */
const PIECES_BEFORE_FAULT = 5;

/** Sends a message as one body. Only a cut touches it: the other breaks are of streams. */
export async function sendMessage(exchange: Exchange, message: Message, wishes: Wishes): Promise<void> {
  await pause(wishes.silenceMs, exchange);
  if (wishes.ending !== 'cut') {
    sendJson(exchange, message);
    return;
  }
  const body = Buffer.from(JSON.stringify(message));
  const { res } = exchange;
  res.writeHead(200, { ...headersOf(exchange, 'application/json'), 'content-length': body.length });
  res.write(body.subarray(0, body.length >> 1));
  cut(exchange);
}

/** Sends a message as a stream, piece by piece, no faster than the peer reads. Rejects when the peer goes away. */
export async function sendStream(exchange: Exchange, message: Message, wishes: Wishes): Promise<void> {
  const { res, gone } = exchange;
  res.writeHead(200, { ...headersOf(exchange, 'text/event-stream; charset=utf-8'), 'cache-control': 'no-cache' });
  let pieces = 0;
  let struck = false;
  for (const event of streamOf(message)) {
    if (!struck && (pieces === PIECES_BEFORE_FAULT || event.type === 'message_delta')) {
      struck = true;
      await pause(wishes.silenceMs, exchange);
      if (wishes.ending) {
        breakOff(exchange, wishes.ending);
        return;
      }
    }
    if (event.type === 'content_block_delta') {
      pieces += 1;
      await pause(wishes.paceMs, exchange);
    }
    if (!res.write(encode(event))) await once(res, 'drain', { signal: gone });
  }
  res.end();
}

/** Waits, unless the peer goes away: then it rejects at once. */
export async function pause(ms: number, { gone }: Exchange): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal: gone });
}

function breakOff(exchange: Exchange, ending: StreamEnding): void {
  const { res, requestId } = exchange;
  switch (ending) {
    case 'overloaded':
      res.end(encode({ type: 'error', ...new ApiError(529, 'Overloaded').body(requestId) }));
      break;
    case 'truncation':
      res.end();
      break;
    case 'cut':
      cut(exchange);
  }
}

/**
 * Breaks the connection after what was written has left, so that the peer is in the middle of an answer. An answer hands its
 * writes to the socket at the end of the turn.
 */
function cut({ res }: Exchange): void {
  setImmediate(() => res.socket?.destroySoon());
}

function encode(event: StreamEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
