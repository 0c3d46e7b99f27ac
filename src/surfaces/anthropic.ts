import { anthropicErrors } from '../dialects/anthropic/error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Route } from '../http/routes.ts';
import { forward, type ForwardDeps, type Operation } from '../proxy/forward.ts';
import { observeAnthropic } from '../proxy/observe.ts';

const MESSAGES: Operation = { upstreamPath: '/v1/messages', generates: true, observe: observeAnthropic };
const COUNT_TOKENS: Operation = {
  upstreamPath: '/v1/messages/count_tokens',
  generates: false,
  observe: observeAnthropic,
};

/** `''` is where clients expect the API; the others are the prefixes of 0.17.0 and its successors. */
const PREFIXES = ['', '/api/latest/anthropic', '/api/anthropic'];

/** The Anthropic Messages surface: https://docs.claude.com/en/api/messages */
export function anthropicSurface(deps: ForwardDeps): Route[] {
  const route = (path: string, name: string, operation: Operation): Route => ({
    method: 'POST',
    path,
    name,
    access: 'client',
    errors: anthropicErrors,
    handle: (exchange: Exchange) => forward(exchange, operation, deps),
  });
  return PREFIXES.flatMap((prefix) => [
    route(`${prefix}${MESSAGES.upstreamPath}`, 'messages', MESSAGES),
    route(`${prefix}${COUNT_TOKENS.upstreamPath}`, 'count_tokens', COUNT_TOKENS),
  ]);
}
