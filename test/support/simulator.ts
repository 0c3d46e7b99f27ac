import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { z } from 'zod';
import { startSimulator } from '../../src/upstreams/simulator.ts';

export const CREDENTIAL = 'secret of this process';
/** Takes the pace out of streams. */
export const FAST = 'simulate slow 0';

/** A running simulator, and requests to it. */
export interface TestSimulator {
  readonly url: string;
  /** Posts a Messages request whose last user text is `text`. */
  readonly ask: (text: string, rest?: object) => Promise<Response>;
  readonly post: (body: unknown, path?: string) => Promise<Response>;
  readonly get: (path: string) => Promise<Response>;
  readonly close: () => Promise<void>;
}

/** Starts a simulator that is closed after the test. `now` gives Unix milliseconds; default: the clock of the system. */
export async function startTestSimulator(t: TestContext, now?: () => number): Promise<TestSimulator> {
  const simulator = await startSimulator({ credential: CREDENTIAL, ...(now && { now }) });
  const { url } = simulator;
  const close = () => simulator.close();
  t.after(close);
  const headers = { 'x-api-key': CREDENTIAL };
  const post: TestSimulator['post'] = (body, path = '/v1/messages') =>
    fetch(url + path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
  return {
    url,
    post,
    close,
    get: (path) => fetch(url + path, { headers }),
    ask: (text, rest = {}) =>
      post({ model: 'claude-sonnet-4-5', max_tokens: 4096, messages: [{ role: 'user', content: text }], ...rest }),
  };
}

export const STREAM = { stream: true };

const messageShape = z.looseObject({
  id: z.string(),
  role: z.literal('assistant'),
  content: z.tuple([z.strictObject({ type: z.literal('text'), text: z.string() })]),
  stop_reason: z.string(),
  usage: z.looseObject({
    input_tokens: z.number(),
    cache_creation_input_tokens: z.number(),
    cache_read_input_tokens: z.number(),
  }),
});
export const errorShape = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({ type: z.string(), message: z.string() }),
  request_id: z.string(),
});

/** A message whose only block is a text. */
export const messageOf = async (response: Response) => messageShape.parse(await response.json());

export async function eventsOf(response: Response): Promise<EventSourceMessage[]> {
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const decoded = response.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  return Array.fromAsync(decoded);
}

export const typesOf = (events: readonly EventSourceMessage[]) => events.map(({ event }) => event);

/** An error in the shape of the API. `message` is a pattern. */
export async function assertError(response: Response, status: number, type: string, message?: string): Promise<void> {
  const { error, request_id } = errorShape.parse(await response.json());
  assert.deepEqual([response.status, error.type], [status, type]);
  assert.equal(request_id, response.headers.get('request-id'));
  if (message !== undefined) assert.match(error.message, new RegExp(message));
}
