import { ApiError, isErrorStatus } from './api-error.ts';

/** What the words `simulate …` in the user's text ask for. Several may stand together. */
export interface Wishes {
  /** Refuse the request. */
  readonly error: ApiError | undefined;
  /** Break a stream off after its first pieces. */
  readonly ending: StreamEnding | undefined;
  /** Milliseconds without a byte, once. */
  readonly silenceMs: number;
  /** Milliseconds before each piece of a stream. */
  readonly paceMs: number;
  /** Length of the answer in words, in place of the usual text. */
  readonly words: number | undefined;
}

/** `overloaded`: an error event. `cut`: the connection breaks. `truncation`: a clean end that comes too early. */
export type StreamEnding = 'overloaded' | 'cut' | 'truncation';

const PACE_MS = 15;
const MAX_SILENCE_SECONDS = 600;
const MAX_PACE_MS = 60_000;
const MAX_WORDS = 20_000;

const ENDINGS: readonly (readonly [RegExp, StreamEnding])[] = [
  [/\bsimulate overloaded mid-stream\b/i, 'overloaded'],
  [/\bsimulate cut\b/i, 'cut'],
  [/\bsimulate truncation\b/i, 'truncation'],
];

/** Reads the wishes from the user's text. Numbers above a limit count as the limit; an unknown status is no wish. */
export function readWishes(text: string): Wishes {
  const status = numberAfter('error', text);
  return {
    error: status !== undefined && isErrorStatus(status) ? simulated(status) : undefined,
    ending: ENDINGS.find(([pattern]) => pattern.test(text))?.[1],
    silenceMs: Math.min(numberAfter('silence', text) ?? 0, MAX_SILENCE_SECONDS) * 1000,
    paceMs: Math.min(numberAfter('slow', text) ?? PACE_MS, MAX_PACE_MS),
    words: clampWords(numberAfter('long', text)),
  };
}

function numberAfter(wish: string, text: string): number | undefined {
  const digits = new RegExp(`\\bsimulate ${wish} (\\d{1,9})\\b`, 'i').exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function simulated(status: ApiError['status']): ApiError {
  return new ApiError(status, `Simulated error ${status}, as the last message asked for.`);
}

function clampWords(words: number | undefined): number | undefined {
  return words === undefined ? undefined : Math.min(Math.max(words, 1), MAX_WORDS);
}
