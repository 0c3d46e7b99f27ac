import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import type { ClientCall, UpstreamCall, UsageRecord } from './check.ts';
import { RawConnection } from './client.ts';
import { messageJson, messageStream } from './messages.ts';
import type { Cleanup } from './temp.ts';
import { type RecordedRequest, type ScriptedUpstream, startUpstream } from './upstream.ts';
import { connect } from 'node:net';
import { once } from 'node:events';

/** What a client may ask the ledger's upstream for, in the text of its message. */
export interface Wish {
  readonly stream?: boolean;
  /** Milliseconds between two events of a stream. */
  readonly pauseMs?: number;
  /** Words of the answer, so events of a stream. */
  readonly words?: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** An upstream that keeps the truth about every request. */
export class Ledger {
  readonly calls: UpstreamCall[] = [];
  #upstream: ScriptedUpstream | undefined;

  get url(): string {
    return this.#upstream!.url;
  }

  static async start(t: Cleanup): Promise<Ledger> {
    const ledger = new Ledger();
    ledger.#upstream = await startUpstream(t, async (request, reply) => {
      const call = entryOf(request);
      ledger.calls.push(call);
      const { stream, pauseMs = 0, words = 3 } = JSON.parse(call.nonce.slice(call.nonce.indexOf('{'))) as Wish;
      const text = 'word '.repeat(words).trim();
      const headers = { 'request-id': call.id };
      try {
        if (!stream) {
          call.sent = messageJson({ text });
          await reply.json(200, call.sent, headers);
        } else {
          await reply.events([], { headers });
          for (const event of messageStream({ text })) {
            call.sent += event;
            await reply.write(event);
            if (pauseMs > 0) await sleep(pauseMs);
          }
          await reply.end();
        }
        call.whole = true;
      } catch {
        // The router left: that is what is tested.
      }
    });
    return ledger;
  }
}

function entryOf(request: RecordedRequest): Writable<UpstreamCall> {
  const { messages } = request.json as { messages: { content: string }[] };
  return {
    id: `up_${randomUUID()}`,
    nonce: messages[0]?.content ?? '',
    at: performance.now(),
    credential: request.header('x-api-key') ?? request.header('authorization')?.replace('Bearer ', '') ?? '',
    text: request.rawHeaders.join('\n') + request.body.toString(),
    sent: '',
    whole: false,
  };
}

/** Sends one request on a connection of its own, and says what came back. Never rejects. */
export async function call(url: string, token: { id: string; token: string }, wish: Wish = {}): Promise<ClientCall> {
  const { hostname, port, host } = new URL(url);
  const nonce = `${randomUUID()} ${JSON.stringify(wish)}`;
  const result: Writable<ClientCall> = {
    nonce,
    tokenId: token.id,
    at: performance.now(),
    status: undefined,
    upstreamId: undefined,
    body: '',
    end: 'cut',
    endedAt: Number.NaN,
  };
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const connection = new RawConnection(socket, host);
  try {
    await once(socket, 'connect');
    const { stream = false } = wish;
    await connection.request({
      method: 'POST',
      target: '/v1/messages',
      headers: ['authorization', `Bearer ${token.token}`, 'content-type', 'application/json', 'connection', 'close'],
      body: JSON.stringify({ model: 'm', max_tokens: 9, stream, messages: [{ role: 'user', content: nonce }] }),
    });
    const head = await connection.head();
    result.status = head.status;
    result.upstreamId = head.header('x-upstream-request-id');
    for await (const piece of connection.body(head)) result.body += piece.toString('latin1');
    result.end = 'clean';
  } catch {
    // `end` says it.
  }
  result.endedAt = performance.now();
  connection.destroy();
  return result;
}

/** The usage rows of a database. */
export function usageRecords(database: DatabaseSync): UsageRecord[] {
  return database
    .prepare('select upstream_request_id, account, ended from usage')
    .all()
    .map((row) => ({
      upstreamId: row['upstream_request_id'] === null ? null : String(row['upstream_request_id']),
      account: row['account'] === null ? null : String(row['account']),
      ended: String(row['ended']),
    }));
}
