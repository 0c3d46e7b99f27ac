import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { RouterError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { headerText, relayable, type UpstreamHeaders } from '../http/headers.ts';
import type { Ticker, Watched } from '../http/ticker.ts';
import type { Roster, Seat } from '../roster.ts';
import { metClosingSocket } from '../upstreams/transport.ts';
import { isEventStream, isReadable, type Observer } from './observe.ts';

/** Time limits of an answer, all in milliseconds. */
export interface RelayLimits {
  /** To connect to the upstream, all attempts together. */
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly writeStallMs: number;
  readonly pingMs: number;
}

/** What became of one attempt, and so what may happen next. */
export type AttemptOutcome =
  /** The answer is with the client, whole or cut; nothing more may be sent. */
  | { readonly kind: 'relayed' }
  /** Provably not executed: another attempt is safe. `fresh` asks for a new connection. */
  | { readonly kind: 'retry'; readonly fresh: boolean; readonly error: RouterError }
  /** The upstream refused the operator's credential. */
  | { readonly kind: 'credential-refused'; readonly error: RouterError }
  | { readonly kind: 'client-gone' }
  /** May have been executed, or cannot succeed: the client gets the error. */
  | { readonly kind: 'fatal'; readonly error: RouterError };

export interface RelayOptions {
  readonly exchange: Exchange;
  readonly limits: RelayLimits;
  readonly ticker: Ticker;
  /** Answers that are under way, for the end of the process. */
  readonly running: Roster<Relay>;
  /** What the upstream was shown: no header that echoes it goes to the client. */
  readonly secret: string;
  /** `performance.now()` at which the request must be on a connection. */
  readonly connectBy: number;
  /** How to read the answer, once its headers are known. */
  observe(headers: UpstreamHeaders): Observer;
  settled(outcome: AttemptOutcome): void;
}

const LF = 0x0a;
const CR = 0x0d;

const ABORTED = new Error('aborted by the router');

/** Interim answers (1xx) of one request. Nobody sends more than one or two; a flood of them would only cost time (U18). */
const MAX_INTERIM = 32;
/** How long an upstream may take to end an answer whose terminal event has come. Milliseconds. */
const END_GRACE_MS = 5_000;
/**
 * A kept connection that is just being closed says so within a round trip. One that breaks later was in use: the request may
 * have been executed, and is not repeated. Milliseconds.
 */
const CLOSING_MS = 2_000;

/**
 * Copies one answer to the client: the same bytes, as they come, no faster than the client reads. A stream ends cleanly only
 * when its terminal event was seen; else the client gets an error event and a cut connection, never a clean end.
 */
export class Relay implements Dispatcher.DispatchHandler, Watched {
  readonly #options: RelayOptions;
  readonly #exchange: Exchange;
  readonly #watch: Seat<Watched>;
  readonly #seat: Seat<Relay>;
  readonly #dispatched = performance.now();
  #controller: Dispatcher.DispatchController | undefined;
  #observer: Observer | undefined;
  /** Status and headers that wait for the first byte: until then an error can still be an HTTP error (CL7). */
  #head: { readonly status: number; readonly headers: string[] } | undefined;
  #committed = false;
  #lastByte = 0;
  #isStream = false;
  /** Not an error: whether it is whole is for the observer to say. */
  #isJudged = false;
  #accepted = false;
  /** When the request went out. */
  #sent = 0;
  /** At least one byte of an answer came. */
  #answering = false;
  #interim = 0;
  #settled = false;
  /** When the upstream was last heard. */
  #heard = this.#dispatched;
  /** When bytes last went to the client. */
  #wrote = this.#dispatched;
  /** Since when the client has left the buffer full. */
  #stalled: number | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#exchange = options.exchange;
    this.#exchange.res.once('close', this.#onClose);
    this.#watch = options.ticker.add(this);
    this.#seat = options.running.join(this);
  }

  /** The upstream took the request: it may be working, and billing, from here on. */
  get accepted(): boolean {
    return this.#accepted;
  }

  get observer(): Observer | undefined {
    return this.#observer;
  }

  /** Ends the answer from outside: a revoked token, the end of the process. */
  end(error: RouterError, ended: string): void {
    if (this.#settled) return;
    this.#fail(error, ended);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(ABORTED);
    else {
      this.#accepted = true;
      this.#sent = performance.now();
    }
  }

  onResponseStarted(): void {
    this.#answering = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, parsed: IncomingHttpHeaders): void {
    if (this.#settled) return;
    if (status < 200) {
      this.#interim += 1;
      if (this.#interim > MAX_INTERIM) this.#refuse('The upstream sent interim answers without end.');
      return;
    }
    const headers: UpstreamHeaders = parsed;
    const { facts } = this.#exchange;
    facts.firstByteMs = this.#exchange.elapsedMs;
    facts.upstreamRequestId = headerText(headers['request-id'] ?? headers['x-request-id']) ?? null;
    this.#heard = performance.now();

    if (status === 401) {
      this.#accepted = false;
      const text = 'The upstream refused the credential of the router. Its operator can find out more with `doctor`.';
      this.#settle({ kind: 'credential-refused', error: new RouterError('credential_refused', text) });
    } else if (status < 400 && status >= 300) {
      this.#accepted = false;
      this.#refuse(`The upstream answered with a redirect (${status}), which is never followed.`);
    } else if (status < 300 && !isReadable(headers)) {
      this.#refuse('The upstream gave something else than an answer of this API.');
    } else {
      if (status >= 400) this.#accepted = false;
      this.#begin(status, headers);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    const now = performance.now();
    this.#heard = now;
    this.#exchange.facts.bytesFromUpstream += chunk.length;
    this.#observer!.push(chunk);
    this.#lastByte = chunk[chunk.length - 1] ?? this.#lastByte;
    this.#wrote = now;
    if (!this.#committed) this.#commit();
    if (!this.#exchange.res.write(chunk)) {
      controller.pause();
      this.#stalled = now;
      this.#exchange.res.once('drain', this.#onDrain);
    }
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#observer!.end(() => {
      if (this.#settled) return;
      if (this.#isJudged && !this.#observer!.terminated) {
        const text = 'The upstream ended its answer before it was complete.';
        this.#fail(new RouterError('upstream_cut', text), 'upstream_cut');
      } else {
        this.#finish();
      }
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    this.#exchange.facts.cause = error;
    if (this.#observer) {
      const text = 'The connection to the upstream broke before its answer was complete.';
      this.#fail(new RouterError('upstream_cut', text, { cause: error }), 'upstream_cut');
    } else if (!this.#accepted) {
      const text = 'The upstream cannot be reached.';
      // A kept connection that died under a waiting request: the next one of the pool may be just as old.
      this.#settle({
        kind: 'retry',
        fresh: metClosingSocket(error),
        error: new RouterError('upstream_unreachable', text, { cause: error }),
      });
    } else if (!this.#answering && metClosingSocket(error) && performance.now() - this.#sent < CLOSING_MS) {
      const text = 'The connection to the upstream broke.';
      this.#accepted = false;
      this.#settle({
        kind: 'retry',
        fresh: true,
        error: new RouterError('upstream_unreachable', text, { cause: error }),
      });
    } else {
      this.#refuse('The upstream gave no valid answer.', error);
    }
  }

  check(now: number): void {
    const { limits } = this.#options;
    if (now - this.#dispatched > limits.totalMs) {
      this.end(timeout(`The answer took longer than ${limits.totalMs} ms.`), 'upstream_timeout');
    } else if (!this.#controller) {
      if (now > this.#options.connectBy) {
        const text = `The upstream could not be reached within ${limits.connectMs} ms.`;
        this.end(new RouterError('upstream_unreachable', text), 'upstream_unreachable');
      }
    } else if (!this.#observer) {
      if (now - this.#dispatched > limits.firstByteMs) {
        this.end(timeout(`The upstream gave no answer within ${limits.firstByteMs} ms.`), 'upstream_timeout');
      }
    } else if (this.#stalled !== undefined) {
      if (now - this.#stalled > limits.writeStallMs) this.#drop('write_stall');
    } else if (this.#isWhole && now - this.#heard > END_GRACE_MS) {
      this.#finish();
    } else if (now - this.#heard > limits.idleMs) {
      this.#fail(timeout(`The upstream was silent for ${limits.idleMs} ms.`), 'upstream_timeout');
    } else if (now - this.#wrote >= limits.pingMs && this.#isStream && this.#observer.atBoundary && !this.#isWhole) {
      this.#wrote = now;
      if (!this.#committed) this.#commit();
      this.#exchange.res.write(this.#observer.ping);
    }
  }

  #begin(status: number, headers: UpstreamHeaders): void {
    const { exchange } = this.#options;
    this.#observer = this.#options.observe(headers);
    this.#isJudged = status < 300;
    this.#isStream = this.#isJudged && isEventStream(headerText(headers['content-type']) ?? '');
    // The router may have to add to a stream, which a length would not let through.
    const out = relayable(this.#isStream ? { ...headers, 'content-length': undefined } : headers);
    if (exchange.facts.upstreamRequestId !== null) out.push('x-upstream-request-id', exchange.facts.upstreamRequestId);
    out.push(...exchange.ownHeaders());
    if (this.#isStream) {
      // nginx would collect the events otherwise.
      if (headers['x-accel-buffering'] === undefined) out.push('x-accel-buffering', 'no');
      if (headers['cache-control'] === undefined) out.push('cache-control', 'no-store');
    }
    this.#head = { status, headers: withoutSecret(out, this.#options.secret) };
  }

  #commit(): void {
    const { status, headers } = this.#head!;
    this.#committed = true;
    this.#head = undefined;
    this.#exchange.res.writeHead(status, headers);
  }

  readonly #onDrain = (): void => {
    this.#stalled = undefined;
    this.#heard = performance.now();
    this.#controller?.resume();
  };

  readonly #onClose = (): void => this.#settle({ kind: 'client-gone' }, 'client_gone');

  /** What came is no answer. */
  #refuse(text: string, cause?: Error): void {
    const error = new RouterError('upstream_invalid', text, cause && { cause });
    this.#settle({ kind: 'fatal', error }, 'upstream_invalid');
  }

  /** The stream has said its last word: whatever the connection does now, the client has everything. */
  get #isWhole(): boolean {
    return this.#isStream && this.#observer!.terminated;
  }

  #finish(): void {
    const { reading, foreign } = this.#observer!;
    if (!this.#committed) this.#commit();
    this.#exchange.res.end();
    this.#settle(
      { kind: 'relayed' },
      reading.error || !this.#isJudged ? 'upstream_error' : foreign ? 'upstream_invalid' : 'complete',
    );
  }

  /** An HTTP error as long as the client has no byte; then an error event and a cut connection, never a clean end. */
  #fail(error: RouterError, ended: string): void {
    if (!this.#committed) {
      this.#settle({ kind: 'fatal', error }, ended);
      return;
    }
    if (this.#isWhole) return this.#finish();
    const { exchange } = this.#options;
    exchange.facts.cause = error.cause ?? error;
    if (this.#isStream && this.#observer!.writable && this.#stalled === undefined) {
      exchange.res.write(this.#newLine() + exchange.errors.event(error, exchange.id), () => destroy(exchange));
      this.#settle({ kind: 'relayed' }, ended);
    } else {
      this.#drop(ended);
    }
  }

  /**
   * What must stand before an error event. A half event is not completed by a blank line: it becomes part of the error event,
   * whose name wins, so that no client parses half a JSON text as an event of its own.
   */
  #newLine(): string {
    return this.#lastByte === LF || this.#lastByte === CR ? '' : '\n';
  }

  #drop(ended: string): void {
    this.#settle({ kind: 'relayed' }, ended);
    // Node writes at the end of the turn: what was relayed in this one goes out before the cut.
    setImmediate(destroy, this.#exchange);
  }

  #settle(outcome: AttemptOutcome, ended?: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.ticker.remove(this.#watch);
    this.#options.running.leave(this.#seat);
    this.#exchange.res.off('drain', this.#onDrain).off('close', this.#onClose);
    if (ended !== undefined) this.#exchange.facts.ended = ended;
    // Does nothing after the end of an answer; a connection that is cut in the middle is not used again.
    this.#observer?.abandon();
    this.#controller?.abort(ABORTED);
    this.#options.settled(outcome);
  }
}

function timeout(text: string): RouterError {
  return new RouterError('upstream_timeout', text);
}

/** An upstream that echoes what it was sent does not make the credential known. `headers`: names and values in turn. */
function withoutSecret(headers: string[], secret: string): string[] {
  if (!headers.some((text) => text.includes(secret))) return headers;
  return headers.filter((_, i) => !headers[i | 1]!.includes(secret));
}

/** HTTP/1.0 has no chunks: there, only a reset tells a cut answer from a whole one. */
function destroy(exchange: Exchange): void {
  const { socket } = exchange.req;
  if (exchange.req.httpVersion === '1.0') socket.resetAndDestroy();
  else exchange.res.destroy();
}
