/** The events that the bench sends and checks: each says which one it is, when it was sent, and carries a hash of itself. */

const PREFIX =
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"';
const SUFFIX = '"}}\n\n';
const FILLER = ' lorem ipsum dolor sit amet consetetur ';
const STREAM_DIGITS = 6;
const SEQUENCE_DIGITS = 6;
const TIME_DIGITS = 16;
const HASH_DIGITS = 8;
const STREAM_AT = PREFIX.length;
const SEQUENCE_AT = STREAM_AT + STREAM_DIGITS + 1;
const TIME_AT = SEQUENCE_AT + SEQUENCE_DIGITS + 1;
const HASH_AT = TIME_AT + TIME_DIGITS + FILLER.length;
export const EVENT_BYTES = HASH_AT + HASH_DIGITS + SUFFIX.length;

const zeros = (count: number) => '0'.repeat(count);
const TEMPLATE = Buffer.from(
  `${PREFIX}${zeros(STREAM_DIGITS)} ${zeros(SEQUENCE_DIGITS)} ${zeros(TIME_DIGITS)}${FILLER}${zeros(HASH_DIGITS)}${SUFFIX}`,
);

const line = (type: string, rest: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;

/** What stands before and behind the counted events. Usage: 10 tokens in, as many out as there were counted events. */
export const START_EVENTS =
  line('message_start', {
    message: {
      ...{ id: 'msg_01bench', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5', content: [] },
      ...{ stop_reason: null, stop_sequence: null, usage: { input_tokens: 10, output_tokens: 1 } },
    },
  }) + line('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
export const endEvents = (count: number): string =>
  line('content_block_stop', { index: 0 }) +
  line('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: count } }) +
  line('message_stop', {});

const OFFSET_MICROS = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

/** Monotonic microseconds of this machine: the same clock in every process. */
export function micros(): number {
  return Math.round(performance.now() * 1000 + OFFSET_MICROS);
}

/** Writes one event of `EVENT_BYTES` at `at`. */
export function writeCountedEvent(bytes: Buffer, at: number, event: CountedEvent): void {
  TEMPLATE.copy(bytes, at);
  writeDigits(bytes, at + STREAM_AT, STREAM_DIGITS, event.stream);
  writeDigits(bytes, at + SEQUENCE_AT, SEQUENCE_DIGITS, event.sequence);
  writeDigits(bytes, at + TIME_AT, TIME_DIGITS, event.sentAt);
  bytes.write(hashOf(bytes, at).toString(16).padStart(HASH_DIGITS, '0'), at + HASH_AT, 'latin1');
}

export interface CountedEvent {
  readonly stream: number;
  readonly sequence: number;
  /** `micros()` of the sender. */
  readonly sentAt: number;
}

/** Reads the event that begins at `at`. `undefined` when one byte of it is not what was sent. */
export function readCountedEvent(bytes: Buffer, at: number): CountedEvent | undefined {
  const hash = hashOf(bytes, at).toString(16).padStart(HASH_DIGITS, '0');
  if (bytes.toString('latin1', at + HASH_AT, at + EVENT_BYTES) !== hash + SUFFIX) return undefined;
  return {
    stream: readDigits(bytes, at + STREAM_AT, STREAM_DIGITS),
    sequence: readDigits(bytes, at + SEQUENCE_AT, SEQUENCE_DIGITS),
    sentAt: readDigits(bytes, at + TIME_AT, TIME_DIGITS),
  };
}

function readDigits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i += 1) value = value * 10 + bytes[i]! - 0x30;
  return value;
}

function writeDigits(bytes: Buffer, at: number, count: number, value: number): void {
  let rest = value;
  for (let i = at + count - 1; i >= at; i -= 1) {
    const next = Math.floor(rest / 10);
    bytes[i] = 0x30 + rest - next * 10;
    rest = next;
  }
}

/** FNV-1a of everything before the hash: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(bytes: Buffer, at: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < at + HASH_AT; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
