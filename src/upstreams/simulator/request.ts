import { ApiError } from './api-error.ts';

export type JsonObject = { readonly [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface Turn {
  readonly role: string;
  /** Blocks; a plain text is one text block. */
  readonly content: readonly JsonObject[];
}

/** What the simulator reads of a request: https://docs.claude.com/en/api/messages. The rest of the body is ignored. */
export interface MessageRequest {
  readonly model: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  readonly system: readonly JsonObject[];
  readonly turns: readonly Turn[];
  readonly tools: readonly JsonObject[];
  readonly toolChoice: { readonly type: string; readonly name: string | undefined };
  /** `omitted`: the model thinks, and the block shows its signature only. */
  readonly thinking: 'off' | 'shown' | 'omitted';
  readonly stopSequences: readonly string[];
  /** JSON schema that the text of the answer must meet. */
  readonly outputSchema: JsonObject | undefined;
  /** The whole request is to be cached, up to its last block. */
  readonly cacheControl: unknown;
}

/** Keeps the search for them in a long answer cheap. */
const MAX_STOP_SEQUENCES = 256;

/**
 * Reads a body. Throws an `ApiError` of status 400, worded as the API words it, for what is missing or has the wrong type.
 * `counting`: for `count_tokens`, which takes no `max_tokens`.
 */
export function readRequest(body: Buffer, { counting }: { counting: boolean }): MessageRequest {
  const json = parse(body);
  const { model, tool_choice: choice, thinking, output_config: output } = json;
  if (model === undefined) throw invalid('model: Field required');
  if (typeof model !== 'string' || model === '') throw invalid('model: Input should be a valid string');
  return {
    model,
    maxTokens: counting ? 0 : readMaxTokens(json['max_tokens']),
    turns: readTurns(json['messages']),
    system: readBlocks(json['system'] ?? [], 'system'),
    tools: readObjects(json['tools'] ?? [], 'tools'),
    stream: json['stream'] === true,
    toolChoice: {
      type: isObject(choice) && typeof choice['type'] === 'string' ? choice['type'] : 'auto',
      name: isObject(choice) && typeof choice['name'] === 'string' ? choice['name'] : undefined,
    },
    thinking: readThinking(thinking),
    stopSequences: readStopSequences(json['stop_sequences'] ?? []),
    outputSchema: readOutputSchema(isObject(output) ? output['format'] : undefined),
    cacheControl: json['cache_control'],
  };
}

function parse(body: Buffer): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's own text quotes the body.
    throw invalid('The request body is not valid JSON.');
  }
  if (!isObject(json)) throw invalid('Input should be an object');
  return json;
}

function readMaxTokens(value: unknown): number {
  if (value === undefined) throw invalid('max_tokens: Field required');
  if (!Number.isSafeInteger(value)) throw invalid('max_tokens: Input should be a valid integer');
  if (Number(value) < 1) throw invalid('max_tokens: Input should be greater than or equal to 1');
  return Number(value);
}

function readTurns(value: unknown): Turn[] {
  if (value === undefined) throw invalid('messages: Field required');
  const turns = readObjects(value, 'messages');
  if (turns.length === 0) throw invalid('messages: at least one message is required');
  return turns.map(({ role, content }, index) => {
    if (typeof role !== 'string') throw invalid(`messages.${index}.role: Field required`);
    if (content === undefined) throw invalid(`messages.${index}.content: Field required`);
    return { role, content: readBlocks(content, `messages.${index}.content`) };
  });
}

function readBlocks(value: unknown, name: string): JsonObject[] {
  return typeof value === 'string' ? [{ type: 'text', text: value }] : readObjects(value, name);
}

function readObjects(value: unknown, name: string): JsonObject[] {
  if (!Array.isArray(value)) throw invalid(`${name}: Input should be a valid list`);
  return value.map((item: unknown, index) => {
    if (!isObject(item)) throw invalid(`${name}.${index}: Input should be an object`);
    return item;
  });
}

function readThinking(value: unknown): MessageRequest['thinking'] {
  if (!isObject(value) || (value['type'] !== 'enabled' && value['type'] !== 'adaptive')) return 'off';
  return value['display'] === 'omitted' ? 'omitted' : 'shown';
}

function readStopSequences(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MAX_STOP_SEQUENCES) {
    throw invalid(`stop_sequences: Input should be a list of at most ${MAX_STOP_SEQUENCES} texts`);
  }
  return value.map((item: unknown, index) => {
    if (typeof item !== 'string') throw invalid(`stop_sequences.${index}: Input should be a valid string`);
    if (item.trim() === '') throw invalid('stop_sequences: each stop sequence must contain non-whitespace');
    return item;
  });
}

function readOutputSchema(format: unknown): JsonObject | undefined {
  if (!isObject(format) || format['type'] !== 'json_schema') return undefined;
  return isObject(format['schema']) ? format['schema'] : undefined;
}

function invalid(message: string): ApiError {
  return new ApiError(400, message);
}
