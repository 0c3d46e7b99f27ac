import { SMALL_REQUEST } from '../../../bench/shapes.ts';

/** What a request asks of the bench's upstream. It travels in the body, the only part that every gateway passes on unchanged. */
export interface Wish {
  /** Number of the stream, so that no two can be mixed up. */
  readonly stream: number;
  /** Counted events. */
  readonly events: number;
  /** Milliseconds between them. */
  readonly every: number;
  /** What the upstream does instead of a good end: cuts in the middle, resets there, says nothing and closes, answers 529. */
  readonly fault?: Fault | undefined;
}

export type Fault = 'cut' | 'reset' | 'silent' | 'overloaded';
export const FAULTS: readonly Fault[] = ['cut', 'reset', 'silent', 'overloaded'];

/** The wish stands within this many bytes from the start of the body. */
export const WISH_WITHIN = 512;

/** A Messages request of about 2 KB; a stream when something is wished, else one that is answered with JSON. */
export function requestBody(wish?: Wish): Buffer {
  if (!wish) return SMALL_REQUEST;
  const { messages } = JSON.parse(SMALL_REQUEST.toString()) as { messages: unknown };
  const words = `stream=${wish.stream} events=${wish.events} every=${wish.every} fault=${wish.fault ?? 'none'}`;
  const start = { model: 'claude-sonnet-4-5', stream: true, metadata: { user_id: words } };
  return Buffer.from(JSON.stringify({ ...start, max_tokens: 1024, messages }));
}

/** `undefined`: a JSON answer is wanted. */
export function readWish(bodyStart: string): Wish | undefined {
  const found = /stream=(\d+) events=(\d+) every=(\d+) fault=(\w+)/.exec(bodyStart);
  if (!found) return undefined;
  const [stream, events, every] = found.slice(1, 4).map(Number) as [number, number, number];
  return { stream, events, every, fault: FAULTS.find((fault) => fault === found[4]) };
}
