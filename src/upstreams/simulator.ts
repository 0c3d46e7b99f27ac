import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { composeAnswer } from './simulator/answer.ts';
import { ApiError } from './simulator/api-error.ts';
import { readWishes } from './simulator/faults.ts';
import { type Exchange, readBody, sendError, sendJson } from './simulator/http.ts';
import { lastTurn } from './simulator/last-turn.ts';
import { toMessage } from './simulator/message.ts';
import { listModels } from './simulator/models.ts';
import { countInput, PromptCache } from './simulator/prompt-cache.ts';
import { readRequest } from './simulator/request.ts';
import { pause, sendMessage, sendStream } from './simulator/send.ts';

/** Above the life of the router's idle connections, so that requests do not meet a closing one. Milliseconds. */
const KEEP_ALIVE_MS = 75_000;

export interface SimulatorOptions {
  /** What requests must carry in `x-api-key`: other users of this machine can reach the port too. */
  readonly credential: string;
  /** Unix milliseconds; default: the clock of the system. */
  readonly now?: () => number;
}

export interface RunningSimulator {
  /** Base URL, on loopback and a free port. */
  readonly url: string;
  /** Cuts what is running; resolves when nothing of it is left. */
  close(): Promise<void>;
}

/**
 * Starts an imitation of the Anthropic API (https://docs.claude.com/en/api/messages) that costs nothing and fails when the
 * user's words ask for it; `docs/guide/simulator.md` has the words. It is a server of its own, so that the router reaches it
 * the way it reaches every upstream. The same request gets the same answer, apart from ids and what its cache remembers.
 * It keeps no body and logs nothing.
 */
export async function startSimulator({ credential, now = Date.now }: SimulatorOptions): Promise<RunningSimulator> {
  const simulator = new Simulator(credential, now);
  const running = new Set<Promise<void>>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    const served = simulator.serve(req, res).finally(() => running.delete(served));
    running.add(served);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the simulator got no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await Promise.all(running);
    },
  };
}

class Simulator {
  readonly #credential: Buffer;
  readonly #now: () => number;
  readonly #cache: PromptCache;
  #requests = 0;

  constructor(credential: string, now: () => number) {
    this.#credential = digest(credential);
    this.#now = now;
    this.#cache = new PromptCache(now);
  }

  /** Answers one request. Never rejects. */
  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.#requests += 1;
    const serial = this.#requests;
    const gone = new AbortController();
    // An `error` event without a listener ends the process, which is the router's.
    res.on('close', () => gone.abort()).on('error', () => gone.abort());
    const requestId = idOf('req_01', `${req.method} ${req.url}`, serial);
    const exchange = { req, res, serial, requestId, now: this.#now(), gone: gone.signal };
    try {
      await this.#route(exchange);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (res.headersSent) res.destroy();
      else sendError(exchange, error instanceof ApiError ? error : new ApiError(500, 'Internal server error'));
    }
  }

  async #route(exchange: Exchange): Promise<void> {
    const { req } = exchange;
    const key = req.headers['x-api-key'];
    if (typeof key !== 'string' || !timingSafeEqual(digest(key), this.#credential)) {
      throw new ApiError(401, 'invalid x-api-key');
    }
    const [path, query] = (req.url ?? '').split('?', 2);
    switch (`${req.method} ${path}`) {
      case 'POST /v1/messages':
        return this.#answer(exchange, await readBody(exchange));
      case 'POST /v1/messages/count_tokens':
        return sendJson(exchange, {
          input_tokens: countInput(readRequest(await readBody(exchange), { counting: true })),
        });
      case 'GET /v1/models':
        return sendJson(exchange, listModels(new URLSearchParams(query)));
      default:
        throw new ApiError(404, 'Not Found');
    }
  }

  async #answer(exchange: Exchange, body: Buffer): Promise<void> {
    const request = readRequest(body, { counting: false });
    const turn = lastTurn(request.turns);
    const wishes = readWishes(turn.text);
    if (wishes.error) {
      await pause(wishes.silenceMs, exchange);
      throw wishes.error;
    }
    const { serial } = exchange;
    const answer = composeAnswer(request, turn, { words: wishes.words, callId: idOf('toolu_01', body, serial) });
    const message = toMessage(idOf('msg_01', body, serial), request.model, answer, this.#cache.charge(request));
    await (request.stream ? sendStream : sendMessage)(exchange, message, wishes);
  }
}

/** An id of the vendor's form, made of what it belongs to. */
function idOf(prefix: string, content: string | Buffer, serial: number): string {
  const hash = createHash('sha256').update(`${prefix} ${serial} `).update(content).digest('base64url');
  return prefix + hash.replace(/[-_]/g, '0').slice(0, 22);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
