import type { Dispatcher } from 'undici';
import { type AnthropicModel, anthropicModelPage } from '../dialects/anthropic/models.ts';
import type { Candidate } from '../accounts/pool.ts';
import type { Logger } from '../log/log.ts';
import type { Upstream } from './upstream.ts';

/** Claude Code waits 3 s for a list (CL15). */
const FETCH_TIMEOUT_MS = 2_000;
const MAX_LIST_BYTES = 1024 * 1024;
const KEEP_MS = 300_000;
/** After a failure the upstream is asked again sooner. */
const KEEP_FAILED_MS = 15_000;

/** What is listed while the upstream gives no list of its own. */
const FALLBACK: readonly AnthropicModel[] = [
  { type: 'model', id: 'claude-opus-5-5', display_name: 'Claude Opus 5.5', created_at: '2026-09-01T00:00:00Z' },
  { type: 'model', id: 'claude-sonnet-4-5', display_name: 'Claude Sonnet 4.5', created_at: '2025-09-29T00:00:00Z' },
  { type: 'model', id: 'claude-haiku-4-5', display_name: 'Claude Haiku 4.5', created_at: '2025-10-01T00:00:00Z' },
];

/** The models of the upstream, fetched from it, kept for five minutes, one fetch at a time. */
export class Catalogue {
  readonly #select: () => Candidate<Upstream>;
  readonly #log: Logger;
  #models: readonly AnthropicModel[] = FALLBACK;
  #freshUntil = 0;
  #fetching: Promise<void> | undefined;

  constructor(select: () => Candidate<Upstream>, log: Logger) {
    this.#select = select;
    this.#log = log;
  }

  /** Never rejects: the last list, or a short one of the router's own, is better than none. */
  async models(): Promise<readonly AnthropicModel[]> {
    if (performance.now() >= this.#freshUntil) {
      this.#fetching ??= this.#fetch().finally(() => {
        this.#fetching = undefined;
      });
      await this.#fetching;
    }
    return this.#models;
  }

  async #fetch(): Promise<void> {
    try {
      const text = await fetchList(this.#select());
      this.#models = anthropicModelPage.parse(JSON.parse(text)).data;
      this.#freshUntil = performance.now() + KEEP_MS;
    } catch (error) {
      this.#log.warn({ err: error }, 'the upstream gave no list of models');
      this.#freshUntil = performance.now() + KEEP_FAILED_MS;
    }
  }
}

function fetchList({ upstream, secret }: Candidate<Upstream>): Promise<string> {
  const headers = ['accept', 'application/json', 'accept-encoding', 'identity'];
  upstream.authorize(headers, secret);
  const path = `${upstream.transport.pathOf('/v1/models')}?limit=1000`;
  return new Promise((resolve, reject) => {
    upstream.transport.dispatch({ method: 'GET', path, headers, body: null }, new Collector(resolve, reject));
  });
}

/** Collects a small answer within a time limit. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #resolve: (text: string) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #failed: Error | undefined;

  constructor(resolve: (text: string) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#fail(`no list within ${FETCH_TIMEOUT_MS} ms`), FETCH_TIMEOUT_MS);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failed) controller.abort(this.#failed);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status !== 200) this.#fail(`status ${status}`);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > MAX_LIST_BYTES) this.#fail('the list is too long');
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    this.#resolve(Buffer.concat(this.#chunks).toString('utf8'));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    this.#reject(error);
  }

  #fail(why: string): void {
    clearTimeout(this.#timer);
    this.#failed = new Error(why);
    this.#reject(this.#failed);
    this.#controller?.abort(this.#failed);
  }
}
