import type { Answer, AnswerBlock } from './answer.ts';
import type { InputUsage } from './prompt-cache.ts';

/** A message as the API sends it: https://docs.claude.com/en/api/messages */
export interface Message {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly model: string;
  readonly content: readonly AnswerBlock[];
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly usage: MessageUsage;
}

interface MessageUsage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: { readonly ephemeral_5m_input_tokens: number; readonly ephemeral_1h_input_tokens: number };
  readonly output_tokens: number;
  readonly service_tier: 'standard';
}

export function toMessage(id: string, model: string, answer: Answer, input: InputUsage): Message {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: answer.content,
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopSequence,
    usage: {
      input_tokens: input.fresh,
      cache_creation_input_tokens: input.write5m + input.write1h,
      cache_read_input_tokens: input.read,
      cache_creation: { ephemeral_5m_input_tokens: input.write5m, ephemeral_1h_input_tokens: input.write1h },
      output_tokens: answer.outputTokens,
      service_tier: 'standard',
    },
  };
}

export interface StreamEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The same message as the events of a stream: https://docs.claude.com/en/docs/build-with-claude/streaming */
export function* streamOf(message: Message): Generator<StreamEvent> {
  const { content, stop_reason, stop_sequence, usage } = message;
  const begun = {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  yield { type: 'message_start', message: begun };
  for (const [index, block] of content.entries()) {
    yield { type: 'content_block_start', index, content_block: emptied(block) };
    if (index === 0) yield { type: 'ping' };
    for (const delta of deltasOf(block)) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = usage;
  yield {
    type: 'message_delta',
    delta: { stop_reason, stop_sequence },
    usage: { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens },
  };
  yield { type: 'message_stop' };
}

function emptied(block: AnswerBlock): AnswerBlock {
  switch (block.type) {
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    case 'text':
      return { ...block, text: '' };
    default:
      return { ...block, input: {} };
  }
}

function* deltasOf(block: AnswerBlock): Generator<{ readonly type: string; readonly [member: string]: unknown }> {
  switch (block.type) {
    case 'thinking':
      for (const thinking of words(block.thinking)) yield { type: 'thinking_delta', thinking };
      yield { type: 'signature_delta', signature: block.signature };
      break;
    case 'text':
      for (const text of words(block.text)) yield { type: 'text_delta', text };
      break;
    case 'tool_use':
      yield { type: 'input_json_delta', partial_json: '' };
      for (const partial_json of pieces(JSON.stringify(block.input))) yield { type: 'input_json_delta', partial_json };
      break;
  }
}

/** Words with the white space before them. */
function words(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+/g) ?? [];
}

/** Pieces that end in the middle of keys and values, but never inside a character. */
function pieces(json: string): readonly string[] {
  return json.match(/.{1,12}/gsu) ?? [];
}
