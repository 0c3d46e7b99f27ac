import { JsonScanError, type Span, readString, scanJson } from '../../wire/json-scan.ts';
import { SseScanner } from '../../wire/sse.ts';
import { type Usage, type UsageReading, emptyReading, emptyUsage } from '../usage.ts';
import { isRecord, mergeUsage } from './usage.ts';

/** Keeps a silent stream open: https://docs.claude.com/en/docs/build-with-claude/streaming#ping-events */
export const PING_EVENT = 'event: ping\ndata: {"type": "ping"}\n\n';

/** The event that ends a stream in an error. `body` is an error object of the dialect as JSON in one line. */
export function errorEvent(body: string): string {
  return `event: error\ndata: ${body}\n\n`;
}

/** What every content delta has around its text: the shortest that the protocol allows. */
const DELTA_ENVELOPE_BYTES = Buffer.byteLength(
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}',
);

/** Answers are not judged, only read: the limits are there to end, not to refuse. */
const ANSWER_LIMITS = { maxDepth: 10_000, maxTokens: 20_000_000 };
/** Largest member of an answer that is parsed. Real ones have some hundred bytes. */
const MAX_PARSED_BYTES = 65_536;
const MAX_NAME_LENGTH = 200;

/**
 * Reads a Messages stream as it passes: usage, model, and how it ended. Only the few events that carry these are parsed.
 * Malformed ones are skipped; nothing in a stream makes `push` throw.
 *
 * Events: https://docs.claude.com/en/docs/build-with-claude/streaming#event-types
 */
export class AnthropicStreamReader {
  readonly #scanner = new SseScanner((name, data, dataBytes) => this.#onEvent(name, data, dataBytes));
  #reading = emptyReading();
  #model: string | undefined;
  #stopped = false;
  #visibleBytes = 0;

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  /** The stream said that it is over: `message_stop` or an error. */
  get terminated(): boolean {
    return this.#stopped || this.#reading.error !== undefined;
  }

  /** Type of the error event that came, `overloaded_error` for one. */
  get sawError(): string | undefined {
    return this.#reading.error?.type;
  }

  /** Another event may be written after the bytes so far. */
  get atBoundary(): boolean {
    return this.#scanner.atBoundary;
  }

  /** The model that answers, as `message_start` names it. */
  get model(): string | undefined {
    return this.#model;
  }

  /** The figures so far, which of them are doubtful, and the error. */
  get reading(): UsageReading {
    return this.#reading;
  }

  get usage(): Usage {
    return this.#reading.usage;
  }

  /** The final figures came, and no figure is doubtful. */
  get complete(): boolean {
    return this.#reading.complete;
  }

  /**
   * Upper bound of the bytes of content that were streamed (text, thinking, tool input), at least 1 per delta: what to
   * estimate the output from while it is doubtful. An event that is too large to be read counts as content (U15).
   */
  get visibleBytes(): number {
    return this.#visibleBytes + this.#scanner.skippedBytes;
  }

  #onEvent(name: string, data: () => string, dataBytes: number): void {
    if (name !== '' && name !== 'message') return this.#read(name, data, dataBytes);
    const value = parse(data());
    if (typeof value.type === 'string') this.#read(value.type, () => value, dataBytes);
  }

  /** `data` gives the JSON as text, or as what was parsed of it before. */
  #read(type: string, data: () => string | Record<string, unknown>, dataBytes: number): void {
    switch (type) {
      case 'content_block_delta':
        this.#visibleBytes += Math.max(1, dataBytes - DELTA_ENVELOPE_BYTES);
        break;
      case 'message_start': {
        const { message } = parse(data());
        if (!isRecord(message)) break;
        this.#model ??= shortText(message.model);
        this.#merge(message.usage, false);
        break;
      }
      case 'message_delta': {
        const { delta, usage } = parse(data());
        this.#merge(usage, !(isRecord(delta) && delta.stop_reason === null));
        break;
      }
      case 'message_stop':
        this.#stopped = true;
        break;
      case 'error':
        this.#reading = { ...this.#reading, error: { type: errorType(parse(data()).error) } };
        break;
      default:
    }
  }

  /** Output grows until the `message_delta` that has a stop reason: what is reported before is a lower bound. */
  #merge(usage: unknown, final: boolean): void {
    const reading = mergeUsage(this.#reading, usage);
    this.#reading = final
      ? reading
      : { ...reading, doubtful: new Set(reading.doubtful).add('output'), complete: false };
  }
}

/** What a whole JSON answer says about itself. */
export interface MessageReading extends UsageReading {
  /** The model that answered. */
  readonly model?: string;
  /** What it is. `other`: whole JSON that is no answer of this API; `broken`: no JSON, or not all of it. */
  readonly shape: 'message' | 'count' | 'error' | 'other' | 'broken';
}

/**
 * Reads the usage of an answer that was not streamed. Only the members that matter are parsed. An error and the answer of
 * `count_tokens` generated nothing: their usage is a complete zero, whatever numbers they hold. Never throws: an answer that
 * is cut or broken gives an empty reading.
 */
export function readMessageUsage(bytes: Buffer): MessageReading {
  try {
    const { members } = scanJson(bytes, ANSWER_LIMITS);
    const type = readString(bytes, members.get('type'));
    if (type === 'error') {
      const error = { type: errorType(parseSpan(bytes, members.get('error'))) };
      return { ...nothingUsed(), error, shape: 'error' };
    }
    const usage = members.get('usage');
    if (!usage && members.has('input_tokens')) return { ...nothingUsed(), shape: 'count' };
    const reading = mergeUsage(emptyReading(), parseSpan(bytes, usage));
    const model = shortText(readString(bytes, members.get('model')));
    const shape = type === 'message' ? 'message' : 'other';
    return model === undefined ? { ...reading, shape } : { ...reading, model, shape };
  } catch (error) {
    const isWhole = error instanceof JsonScanError && error.reason !== 'syntax' && error.reason !== 'encoding';
    return { ...emptyReading(), shape: isWhole ? 'other' : 'broken' };
  }
}

function nothingUsed(): UsageReading {
  return { usage: emptyUsage(), doubtful: new Set(), complete: true };
}

function parseSpan(bytes: Buffer, span: Span | undefined): unknown {
  if (!span || span.end - span.start > MAX_PARSED_BYTES) return undefined;
  return JSON.parse(bytes.toString('utf8', span.start, span.end));
}

/** `type` of Anthropic's error object; its general type when there is none. */
function errorType(error: unknown): string {
  return (isRecord(error) ? shortText(error.type) : undefined) ?? 'api_error';
}

/** A text that is fit for a name in logs and tables. */
function shortText(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH ? value : undefined;
}

/** An empty object for what is no JSON object. */
function parse(data: string | Record<string, unknown>): Record<string, unknown> {
  if (typeof data !== 'string') return data;
  try {
    const value: unknown = JSON.parse(data);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
