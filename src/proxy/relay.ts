import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { RouterError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { headerText, relayable, type UpstreamHeaders } from '../http/headers.ts';
import type { Ticker, Watched } from '../http/ticker.ts';
import type { Roster, Seat } from '../roster.ts';
import { metClosingSocket } from '../upstreams/transport.ts';
import { isEventStream, type Observer } from './observe.ts';

/** Time limits of an answer, all in milliseconds. */
export interface RelayLimits {
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
  /** How to read the answer, once its headers are known. */
  observe(headers: UpstreamHeaders): Observer;
  settled(outcome: AttemptOutcome): void;
}

const LF = 0x0a;
const CR = 0x0d;

const ABORTED = new Error('aborted by the router');

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
  #accepted = false;
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
    else this.#accepted = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, parsed: IncomingHttpHeaders): void {
    if (this.#settled || status < 200) return;
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
      const text = `The upstream answered with a redirect (${status}), which is never followed.`;
      this.#settle({ kind: 'fatal', error: new RouterError('upstream_invalid', text) }, 'upstream_invalid');
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
      if (this.#isStream && !this.#observer!.terminated) {
        const text = 'The upstream ended its answer before it was complete.';
        this.#fail(new RouterError('upstream_cut', text), 'upstream_cut');
        return;
      }
      if (!this.#committed) this.#commit();
      this.#exchange.res.end();
      this.#settle({ kind: 'relayed' }, this.#observer!.reading.error ? 'upstream_error' : 'complete');
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
      this.#settle({
        kind: 'retry',
        fresh: false,
        error: new RouterError('upstream_unreachable', text, { cause: error }),
      });
    } else if (metClosingSocket(error)) {
      const text = 'The connection to the upstream broke.';
      this.#accepted = false;
      this.#settle({
        kind: 'retry',
        fresh: true,
        error: new RouterError('upstream_unreachable', text, { cause: error }),
      });
    } else {
      const text = 'The upstream gave no valid answer.';
      this.#settle(
        { kind: 'fatal', error: new RouterError('upstream_invalid', text, { cause: error }) },
        'upstream_invalid',
      );
    }
  }

  check(now: number): void {
    const { limits } = this.#options;
    if (now - this.#dispatched > limits.totalMs) {
      this.end(timeout(`The answer took longer than ${limits.totalMs} ms.`), 'upstream_timeout');
    } else if (!this.#observer) {
      if (now - this.#dispatched > limits.firstByteMs) {
        this.end(timeout(`The upstream gave no answer within ${limits.firstByteMs} ms.`), 'upstream_timeout');
      }
    } else if (this.#stalled !== undefined) {
      if (now - this.#stalled > limits.writeStallMs) this.#drop('write_stall');
    } else if (now - this.#heard > limits.idleMs) {
      this.#fail(timeout(`The upstream was silent for ${limits.idleMs} ms.`), 'upstream_timeout');
    } else if (now - this.#wrote >= limits.pingMs && this.#isStream && this.#observer.atBoundary) {
      this.#wrote = now;
      if (!this.#committed) this.#commit();
      this.#exchange.res.write(this.#observer.ping);
    }
  }

  #begin(status: number, headers: UpstreamHeaders): void {
    const { exchange } = this.#options;
    this.#observer = this.#options.observe(headers);
    this.#isStream = status === 200 && isEventStream(headerText(headers['content-type']) ?? '');
    const out = relayable(headers);
    if (exchange.facts.upstreamRequestId !== null) out.push('x-upstream-request-id', exchange.facts.upstreamRequestId);
    out.push(...exchange.ownHeaders());
    if (this.#isStream) {
      // nginx would collect the events otherwise.
      if (headers['x-accel-buffering'] === undefined) out.push('x-accel-buffering', 'no');
      if (headers['cache-control'] === undefined) out.push('cache-control', 'no-store');
    }
    this.#head = { status, headers: out };
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

  /** An HTTP error as long as the client has no byte; then an error event and a cut connection, never a clean end. */
  #fail(error: RouterError, ended: string): void {
    if (!this.#committed) {
      this.#settle({ kind: 'fatal', error }, ended);
      return;
    }
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
    destroy(this.#exchange);
  }

  #settle(outcome: AttemptOutcome, ended?: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.ticker.remove(this.#watch);
    this.#options.running.leave(this.#seat);
    this.#exchange.res.off('drain', this.#onDrain).off('close', this.#onClose);
    if (ended !== undefined) this.#exchange.facts.ended = ended;
    // Does nothing after the end of an answer; a connection that is cut in the middle is not used again.
    if (ended !== 'complete') {
      this.#observer?.abandon();
      this.#controller?.abort(ABORTED);
    }
    this.#options.settled(outcome);
  }
}

function timeout(text: string): RouterError {
  return new RouterError('upstream_timeout', text);
}

/** HTTP/1.0 has no chunks: there, only a reset tells a cut answer from a whole one. */
function destroy(exchange: Exchange): void {
  const { socket } = exchange.req;
  if (exchange.req.httpVersion === '1.0') socket.resetAndDestroy();
  else exchange.res.destroy();
}
