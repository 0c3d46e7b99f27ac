import { RouterError } from '../errors.ts';
import { type BodyLimits, readBody } from '../http/body.ts';
import { withoutKey } from '../http/credentials.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UpstreamHeaders } from '../http/headers.ts';
import type { Ticker } from '../http/ticker.ts';
import type { Candidate, Pool } from '../accounts/pool.ts';
import type { Admission } from '../overload/admission.ts';
import { ownTurn } from '../overload/turns.ts';
import type { Roster } from '../roster.ts';
import type { TokenService } from '../tokens/service.ts';
import type { Upstream } from '../upstreams/upstream.ts';
import type { JsonLimits } from '../wire/json-scan.ts';
import { decodeHeld } from './decode.ts';
import { inspectRequest } from './inspect.ts';
import type { Observer } from './observe.ts';
import { type AttemptOutcome, Relay, type RelayLimits } from './relay.ts';
import { nextStep } from './retry.ts';
import { bookUsage } from './settle.ts';

/** The check of a body of this size takes about a millisecond. */
const LARGE_BODY_BYTES = 1024 * 1024;

/** One thing that a surface lets clients do at an upstream. */
export interface Operation {
  /** Path at the upstream, below its base URL. Ours, never the client's. */
  readonly upstreamPath: string;
  /** Whether a model writes an answer that costs tokens. */
  readonly generates: boolean;
  observe(headers: UpstreamHeaders, generates: boolean): Observer;
}

export interface ForwardDeps {
  readonly pool: Pool<Upstream>;
  readonly tokens: Pick<TokenService, 'watch'>;
  readonly ticker: Ticker;
  readonly body: BodyLimits;
  readonly json: JsonLimits;
  readonly relay: RelayLimits;
  /** Answers that are under way, for the end of the process. */
  readonly running: Roster<Relay>;
  /** Whether there is room for one more. */
  readonly admission: Pick<Admission, 'enter' | 'leave'>;
}

/**
 * The native lane: sends the body of a request on as the bytes that came, with another credential, and relays the answer.
 * Throws a `RouterError` as long as nothing of an answer has gone to the client.
 */
export async function forward(exchange: Exchange, operation: Operation, deps: ForwardDeps): Promise<void> {
  const token = exchange.facts.token?.id ?? '';
  deps.admission.enter(token);
  try {
    await forwardAdmitted(exchange, operation, deps);
  } finally {
    deps.admission.leave(token);
  }
}

async function forwardAdmitted(exchange: Exchange, operation: Operation, deps: ForwardDeps): Promise<void> {
  const body = await readRequest(exchange, deps);
  if (body.length > LARGE_BODY_BYTES) await ownTurn();
  const { facts } = exchange;
  const request = inspectRequest(body, deps.json);
  facts.model = request.model;
  facts.streamed = request.streamed;

  const headers = exchange.headers.forwardable();
  headers.push('accept-encoding', 'identity');
  const query = withoutKey(exchange.query);
  const pin = facts.token?.account ?? null;

  let reused = 0;
  let fresh = false;
  let connectBy = performance.now() + deps.relay.connectMs;
  for (;;) {
    if (exchange.gone) {
      facts.ended = 'client_gone';
      return;
    }
    const candidate = deps.pool.select(pin);
    facts.attempts += 1;
    const outcome = await attempt(exchange, operation, candidate, { body, headers, query, fresh, connectBy }, deps);
    if (outcome.kind === 'retry' && outcome.fresh) reused += 1;
    const credentialChanged = outcome.kind === 'credential-refused' && reread(candidate);
    const now = performance.now();
    const next = nextStep(outcome, { attempts: facts.attempts, reused, timeLeft: now < connectBy, credentialChanged });
    if (next.kind === 'done') return;
    if (next.kind === 'answer') throw next.error;
    fresh = next.fresh;
    // It was reached: what comes next connects anew.
    if (outcome.kind !== 'retry' || fresh) connectBy = now + deps.relay.connectMs;
  }
}

/** The body as plain bytes: what came, or what it decompresses to. */
async function readRequest(exchange: Exchange, deps: ForwardDeps): Promise<Buffer> {
  const body = await readBody(exchange, deps.body);
  const coding = exchange.headers.getAll('content-encoding').join(',');
  return coding === '' ? body : decodeHeld(exchange, body, coding, deps.body);
}

interface Outgoing {
  readonly body: Buffer;
  readonly headers: readonly string[];
  readonly query: string;
  readonly fresh: boolean;
  /** `performance.now()` at which it must be on a connection. */
  readonly connectBy: number;
}

async function attempt(
  exchange: Exchange,
  operation: Operation,
  candidate: Candidate<Upstream>,
  outgoing: Outgoing,
  deps: ForwardDeps,
): Promise<AttemptOutcome> {
  const { facts } = exchange;
  const { upstream, account, secret } = candidate;
  facts.upstream = upstream.name;
  facts.account = account.name;
  facts.bytesToUpstream += outgoing.body.length;
  const headers = outgoing.headers.slice();
  upstream.authorize(headers, secret);
  const path = upstream.transport.pathOf(operation.upstreamPath);
  const request = {
    method: 'POST' as const,
    path: outgoing.query === '' ? path : `${path}?${outgoing.query}`,
    headers,
    body: outgoing.body,
  };

  let unwatch: (() => void) | undefined;
  let relay: Relay | undefined;
  try {
    return await new Promise<AttemptOutcome>((settled) => {
      const running = new Relay({
        exchange,
        limits: deps.relay,
        ticker: deps.ticker,
        running: deps.running,
        secret,
        connectBy: outgoing.connectBy,
        observe: (answer) => operation.observe(answer, operation.generates),
        settled,
      });
      relay = running;
      if (facts.token) unwatch = deps.tokens.watch(facts.token.id, () => running.end(revoked(), 'revoked'));
      if (outgoing.fresh) upstream.transport.dispatchFresh(request, running);
      else upstream.transport.dispatch(request, running);
    });
  } finally {
    unwatch?.();
    if (relay) {
      if (operation.generates && relay.accepted) {
        facts.usage = bookUsage(relay.observer?.reading, relay.observer?.visibleBytes ?? 0, outgoing.body.length);
      }
    }
  }
}

function revoked(): RouterError {
  return new RouterError('token_revoked', 'The token of this request was revoked while it was being answered.');
}

/** A credential file may have been renewed since the refused secret was read; another request may have read it again already. */
function reread({ account, secret }: Candidate<Upstream>): boolean {
  account.credential.reload();
  return account.credential.current() !== secret;
}
