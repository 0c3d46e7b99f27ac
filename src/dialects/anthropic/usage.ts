import { type Usage, type UsageReading, isTokenCount } from '../usage.ts';

/**
 * Takes what one `usage` object reports into a reading. Values that are no token counts, and numbers below one that the same
 * answer reported before, are ignored and leave their figure doubtful (U14). 0 counts as reported (R10); after a larger
 * number it changes nothing, because some gateways fill the fields of `message_delta` that they do not know with 0.
 *
 * Fields: https://docs.claude.com/en/api/messages#response-usage
 */
export function mergeUsage(reading: UsageReading, rawUsage: unknown): UsageReading {
  if (!isRecord(rawUsage)) return reading;
  const byLifetime = isRecord(rawUsage.cache_creation) ? rawUsage.cache_creation : {};
  const shortLived = byLifetime.ephemeral_5m_input_tokens;
  const longLived = byLifetime.ephemeral_1h_input_tokens;
  const reported: [keyof Usage, unknown][] = [
    ['input', rawUsage.input_tokens],
    ['output', rawUsage.output_tokens],
    ['cacheWrite', larger(rawUsage.cache_creation_input_tokens, sum(shortLived, longLived))],
    ['cacheWrite1h', longLived],
    ['cacheRead', rawUsage.cache_read_input_tokens],
  ];
  const usage = { ...reading.usage };
  const doubtful = new Set(reading.doubtful);
  for (const [key, value] of reported) {
    if (value === undefined || value === null) continue;
    if (!isTokenCount(value) || (value !== 0 && value < usage[key])) {
      doubtful.add(key);
    } else {
      usage[key] = Math.max(value, usage[key]);
      doubtful.delete(key);
    }
  }
  return { ...reading, usage, doubtful, complete: doubtful.size === 0 };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `undefined` when neither is given, `NaN` when one of them is no count. */
function sum(a: unknown, b: unknown): number | undefined {
  if ((a ?? b ?? undefined) === undefined) return undefined;
  const [left, right] = [a ?? 0, b ?? 0];
  return isTokenCount(left) && isTokenCount(right) ? left + right : Number.NaN;
}

/** The larger of two figures for the same thing; a valid one before an invalid one, whatever there is before nothing. */
function larger(a: unknown, b: unknown): unknown {
  if (isTokenCount(a) && isTokenCount(b)) return Math.max(a, b);
  if (isTokenCount(a)) return a;
  return isTokenCount(b) ? b : (a ?? b);
}
