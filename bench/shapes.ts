/** The requests and answers of the benchmark, in the shapes of the Messages API. */

/** Events of one stream. */
export const CHUNKS = 100;
/** Milliseconds between the events of a stream: long enough that nothing on the way merges them. */
export const PACE_MS = 20;

const MODEL = 'claude-sonnet-4-5';
const LINE = 'Lorem ipsum dolor sit amet, "consetetur" sadipscing elitr.\n';

const text = (bytes: number) => LINE.repeat(Math.ceil(bytes / JSON.stringify(LINE).length));
const event = (type: string, rest: object) =>
  Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
const usage = { input_tokens: 512, cache_creation_input_tokens: 0, cache_read_input_tokens: 2048, output_tokens: 1 };
const message = { id: 'msg_01Benchmark', type: 'message', role: 'assistant', model: MODEL, content: [] };

/** A stream of `CHUNKS` events, most of them of about 150 bytes. */
export const STREAM_EVENTS: readonly Buffer[] = [
  event('message_start', { message: { ...message, stop_reason: null, stop_sequence: null, usage } }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...Array.from({ length: CHUNKS - 5 }, (_, index) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: ` and word number ${index} of it` } }),
  ),
  event('content_block_stop', { index: 0 }),
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 480 } }),
  event('message_stop', {}),
];

/** A whole answer of about 2 KB. */
export const JSON_ANSWER = Buffer.from(
  JSON.stringify({
    ...message,
    content: [{ type: 'text', text: text(1_650) }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { ...usage, output_tokens: 480 },
  }),
);

const request = (members: object, bytes: number) =>
  Buffer.from(
    JSON.stringify({
      model: MODEL,
      ...members,
      max_tokens: 1024,
      messages: [
        { role: 'user', content: [{ type: 'text', text: text(bytes / 2) }] },
        { role: 'assistant', content: 'Yes.' },
        { role: 'user', content: text(bytes / 2) },
      ],
    }),
  );

export const SMALL_REQUEST = request({}, 1_800);
export const LARGE_REQUEST = request({}, 1_000_000);
export const STREAM_REQUEST = request({ stream: true }, 1_800);
/** Its answer stays open after the first event. */
export const IDLE_REQUEST = request({ stream: true, metadata: { user_id: 'idle' } }, 1_800);

/** More than a whole small request: a gateway that writes requests anew may move `stream` to their end. */
export const REQUEST_HEAD_BYTES = 4_096;
