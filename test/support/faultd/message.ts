import { createHash } from 'node:crypto';
import type { Call } from './call.ts';
import type { LedgerEntry } from './ledger.ts';

/**
 * What an answer consists of, from the parameters `events` (content deltas, 8), `pad` (bytes of filler in each), `input` (tokens,
 * 40) and `stamp=1` (each delta says when it was made). A delta costs one output token.
 */
export interface Plan {
  readonly deltas: number;
  readonly input: number;
  readonly pad: number;
  readonly stamp: boolean;
}

export function planOf(call: Call): Plan {
  return {
    deltas: call.number('events', 8),
    input: call.number('input', 40),
    pad: call.number('pad', 0),
    stamp: call.params.get('stamp') === '1',
  };
}

/** The events of a whole stream, one text each, made when they are asked for. */
export function* eventsOf({ entry }: Pick<Call, 'entry'>, plan: Plan): Generator<string, void> {
  const usage = { input_tokens: plan.input, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { ...envelope(entry), content: [], stop_reason: null, stop_sequence: null };
  yield event('message_start', { message: { ...message, usage: { ...usage, output_tokens: 1 } } });
  yield event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  for (let i = 0; i < plan.deltas; i += 1) {
    yield event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: deltaText(entry, i, plan) } });
  }
  yield event('content_block_stop', { index: 0 });
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  yield event('message_delta', { delta, usage: { output_tokens: plan.deltas } });
  yield event('message_stop', {});
}

/** A whole stream as one text. */
export function streamText(call: Call, plan: Plan = planOf(call)): string {
  return [...eventsOf(call, plan)].join('');
}

/** Sends events, each in a write of its own, `every` milliseconds apart, up to `limit` bytes. Books what has gone out whole. */
export async function sendEvents(
  call: Call,
  events: Iterable<string>,
  { every = 0, limit = Infinity } = {},
): Promise<void> {
  let left = limit;
  let first = true;
  for (const event of events) {
    if (!first && every > 0) await call.sleep(every);
    first = false;
    const bytes = Buffer.from(event);
    if (bytes.length > left) return call.body(bytes.subarray(0, left));
    await call.body(bytes);
    book(call.entry, event);
    left -= bytes.length;
  }
}

/** Books what an event that went out says. */
export function book(entry: LedgerEntry, event: string): void {
  if (event.startsWith('event: message_start')) {
    const { message } = dataOf(event) as { message: { usage: { input_tokens: number; output_tokens: number } } };
    entry.bill(message.usage.input_tokens, message.usage.output_tokens, false);
  } else if (event.startsWith('event: message_delta')) {
    entry.bill(0, (dataOf(event) as { usage: { output_tokens: number } }).usage.output_tokens, true);
  } else if (event.startsWith('event: message_stop') || event.startsWith('event: error')) {
    entry.terminal = true;
  }
}

/** The same answer as JSON. `bookJson` is for when it has gone out. */
export function jsonText({ entry }: Call, plan: Plan): string {
  const text = Array.from({ length: plan.deltas }, (_, i) => deltaText(entry, i, plan)).join('');
  const usage = { input_tokens: plan.input, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  return JSON.stringify({
    ...envelope(entry),
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { ...usage, output_tokens: plan.deltas },
  });
}

export function bookJson(entry: LedgerEntry, plan: Plan): void {
  entry.bill(plan.input, plan.deltas, true);
  entry.terminal = true;
}

export function errorText(type: string, message: string): string {
  return JSON.stringify({ type: 'error', error: { type, message } });
}

export function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** What a client compares: see `deltaText`. */
export function deltaDigest(nonce: string, index: number): string {
  return createHash('sha256').update(`${nonce} ${index}`).digest('hex').slice(0, 8);
}

/**
 * `#7 NONCE a1b2c3d4 `: the number of the delta, whose it is, and a digest of both, so that a client can tell a lost, doubled or
 * foreign one. With a stamp, the milliseconds since 1970 follow (`@1764031234567.123`).
 */
function deltaText(entry: LedgerEntry, index: number, { stamp, pad }: Plan): string {
  const nonce = entry.nonce ?? '-';
  const made = stamp ? ` @${(performance.timeOrigin + performance.now()).toFixed(3)}` : '';
  return `#${index} ${nonce} ${deltaDigest(nonce, index)}${made}${'.'.repeat(pad)} `;
}

function envelope(entry: LedgerEntry) {
  return { id: `msg_${entry.requestId}`, type: 'message', role: 'assistant', model: 'claude-opus-5-5' };
}

function dataOf(event: string): unknown {
  return JSON.parse(event.slice(event.indexOf('data: ') + 6));
}
