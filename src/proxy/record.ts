import type { Exchange } from '../http/exchange.ts';
import type { Logger } from '../log/log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { UsageRow } from '../store/store.ts';
import type { UsageWriter } from './usage-writer.ts';

export interface RecordDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly usage: UsageWriter;
}

/** Routes whose requests get a usage row. */
const METERED = new Set(['messages', 'count_tokens']);
/** Routes that monitors and clients ask all the time. */
const QUIET = new Set(['health', 'livez', 'readyz', 'probe']);
/** Characters of a text that came from outside, in a log line. */
const MAX_LOGGED = 128;

/** Books a finished request: one log line, the metrics, and a usage row when a token was used. */
export function record(exchange: Exchange, deps: RecordDeps): void {
  const { facts } = exchange;
  const status = exchange.status;
  const durationMs = Math.round(exchange.elapsedMs * 10) / 10;
  const firstByteMs = facts.firstByteMs === null ? null : Math.round(facts.firstByteMs * 10) / 10;
  const usage = facts.usage;

  deps.metrics.count({
    route: facts.route,
    status,
    broken: facts.ended !== 'complete' && facts.ended !== 'refused',
    account: facts.account,
    bytesToUpstream: facts.bytesToUpstream,
    bytesFromUpstream: facts.bytesFromUpstream,
    durationMs,
    firstByteMs: facts.firstByteMs,
    usage,
  });
  if (facts.token && METERED.has(facts.route)) {
    deps.usage.add(usageRow(exchange, status, durationMs, firstByteMs));
  }

  const level = QUIET.has(facts.route) ? 'debug' : facts.ended === 'complete' ? 'info' : 'warn';
  if (!deps.log.isLevelEnabled(level)) return;
  deps.log[level](
    {
      req: exchange.id,
      route: facts.route,
      status,
      ended: facts.ended,
      token: facts.token?.id,
      label: facts.token && cut(facts.token.label),
      upstream: facts.upstream ?? undefined,
      account: facts.account ?? undefined,
      model: facts.model === null ? undefined : cut(facts.model),
      streamed: facts.streamed || undefined,
      attempts: facts.attempts || undefined,
      ms: durationMs,
      firstByteMs: firstByteMs ?? undefined,
      bytesToUpstream: facts.bytesToUpstream || undefined,
      bytesFromUpstream: facts.bytesFromUpstream || undefined,
      usage: usage ?? undefined,
      upstreamRequest: facts.upstreamRequestId === null ? undefined : cut(facts.upstreamRequestId),
      err: facts.cause,
    },
    'request',
  );
}

function usageRow(exchange: Exchange, status: number, durationMs: number, firstByteMs: number | null): UsageRow {
  const { facts } = exchange;
  const usage = facts.usage;
  return {
    requestId: exchange.id,
    startedAt: exchange.startedAt,
    tokenId: facts.token!.id,
    route: facts.route,
    upstream: facts.upstream,
    account: facts.account,
    model: facts.model,
    status,
    streamed: facts.streamed,
    ended: facts.ended,
    attempts: facts.attempts,
    inputTokens: usage?.input ?? 0,
    outputTokens: usage?.output ?? 0,
    cacheWriteTokens: usage?.cacheWrite ?? 0,
    cacheWrite1hTokens: usage?.cacheWrite1h ?? 0,
    cacheReadTokens: usage?.cacheRead ?? 0,
    estimated: usage?.estimated ?? false,
    bytesToUpstream: facts.bytesToUpstream,
    bytesFromUpstream: facts.bytesFromUpstream,
    durationMs,
    firstByteMs,
    upstreamRequestId: facts.upstreamRequestId === null ? null : cut(facts.upstreamRequestId),
  };
}

function cut(text: string): string {
  return text.length > MAX_LOGGED ? `${text.slice(0, MAX_LOGGED)}…` : text;
}
