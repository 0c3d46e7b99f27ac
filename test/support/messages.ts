/** Bodies in the shape of https://docs.claude.com/en/api/messages and https://docs.claude.com/en/docs/build-with-claude/streaming */

interface MessageUsage {
  readonly input?: number;
  readonly output?: number;
  readonly cacheWrite?: number;
  readonly cacheRead?: number;
}

export interface MessageOptions {
  readonly text?: string;
  readonly toolUse?: { readonly id?: string; readonly name: string; readonly input: unknown };
  readonly usage?: MessageUsage;
  readonly model?: string;
  readonly id?: string;
}

/** The JSON of an answer that is not streamed. */
export function messageJson(options: MessageOptions = {}): string {
  const { input, output } = usageOf(options.usage);
  return JSON.stringify({ ...envelope(options), content: contentOf(options), usage: { ...input, ...output } });
}

/** The events of a streamed answer, each with its blank line: text word by word, then the tool call in two fragments. */
export function messageStream(options: MessageOptions = {}): string[] {
  const { input, output } = usageOf(options.usage);
  const { stop_reason, stop_sequence, ...start } = envelope(options);
  const message = {
    ...start,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...input, output_tokens: 1 },
  };
  return [
    event('message_start', { message }),
    ...contentOf(options).flatMap(blockEvents),
    event('message_delta', { delta: { stop_reason, stop_sequence }, usage: output }),
    event('message_stop', {}),
  ];
}

/** The JSON of an error answer. */
export function errorJson(type: string, message: string): string {
  return JSON.stringify({ type: 'error', error: { type, message } });
}

/** An error inside a stream. */
export function errorEvent(type: string, message: string): string {
  return event('error', { error: { type, message } });
}

type Block = { type: 'text'; text: string } | { type: 'tool_use'; id: string; name: string; input: unknown };

function contentOf({ text, toolUse }: MessageOptions): Block[] {
  const blocks: Block[] = [];
  if (text !== undefined || !toolUse) blocks.push({ type: 'text', text: text ?? 'Good day.' });
  if (toolUse) blocks.push({ type: 'tool_use', id: 'toolu_01scripted', ...toolUse });
  return blocks;
}

function envelope({ id = 'msg_01scripted', model = 'claude-opus-5-5', toolUse }: MessageOptions) {
  const stop_reason = toolUse ? 'tool_use' : 'end_turn';
  return { id, type: 'message', role: 'assistant', model, stop_reason, stop_sequence: null };
}

function usageOf({ input = 12, output = 5, cacheWrite = 0, cacheRead = 0 }: MessageUsage = {}) {
  return {
    input: { input_tokens: input, cache_creation_input_tokens: cacheWrite, cache_read_input_tokens: cacheRead },
    output: { output_tokens: output },
  };
}

function blockEvents(block: Block, index: number): string[] {
  const empty = block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} };
  const deltas = block.type === 'text' ? textDeltas(block.text) : inputDeltas(JSON.stringify(block.input));
  return [
    event('content_block_start', { index, content_block: empty }),
    ...deltas.map((delta) => event('content_block_delta', { index, delta })),
    event('content_block_stop', { index }),
  ];
}

function textDeltas(text: string): object[] {
  const words = text.match(/\S+\s*|\s+/g) ?? [];
  return words.map((word) => ({ type: 'text_delta', text: word }));
}

function inputDeltas(json: string): object[] {
  const middle = json.length >> 1;
  const halves = [json.slice(0, middle), json.slice(middle)];
  return halves.map((half) => ({ type: 'input_json_delta', partial_json: half }));
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
