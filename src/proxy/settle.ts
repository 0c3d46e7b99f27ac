import { emptyReading, type Usage, type UsageReading } from '../dialects/usage.ts';

/** What an answer cost, as it is booked. */
export interface BookedUsage extends Usage {
  /** At least one figure is an estimate. */
  readonly estimated: boolean;
}

/** Bytes of a request body per input token, for an upstream that took a request and never said what it read. */
const REQUEST_BYTES_PER_TOKEN = 4;
/** Bytes of visible output per token. Low on purpose: an estimate is never under what was delivered. */
const OUTPUT_BYTES_PER_TOKEN = 3;

/**
 * What to book for an answer that the upstream began to make. The upstream's figures win, also when they are 0. When the
 * answer broke before the last figure came, output is at least what was delivered: leaving early is not a way to pay less.
 */
export function bookUsage(reading: UsageReading | undefined, visibleBytes: number, requestBytes: number): BookedUsage {
  const { usage, doubtful, complete } = reading ?? emptyReading();
  if (complete) return { ...usage, estimated: false };
  const sent = Math.ceil(requestBytes / REQUEST_BYTES_PER_TOKEN);
  const seen = Math.ceil(visibleBytes / OUTPUT_BYTES_PER_TOKEN);
  return {
    ...usage,
    input: doubtful.has('input') && usage.input === 0 ? sent : usage.input,
    output: doubtful.has('output') ? Math.max(usage.output, seen) : usage.output,
    estimated: true,
  };
}
