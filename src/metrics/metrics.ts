import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What one finished request adds to the metrics. */
export interface RequestSample {
  readonly route: string;
  readonly status: number;
  /** An answer that began with 200 and broke is an error too. */
  readonly broken: boolean;
  readonly account: string | null;
  readonly bytesToUpstream: number;
  readonly bytesFromUpstream: number;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
  readonly usage: { input: number; output: number; cacheWrite: number; cacheRead: number } | null;
}

/** The figures of `GET /v1/usage`, in the names of 0.17.0. */
export interface UsageSummary {
  requests_total: number;
  errors_total: number;
  bytes_in: number;
  bytes_out: number;
  openai_chat_completions: number;
  openai_responses: number;
  anthropic_messages: number;
  tokens_issued: number;
  tokens_revoked: number;
  status_counts: Record<string, number>;
  account_calls: Record<string, number>;
}

export interface MetricsOptions {
  /** Tokens issued and revoked, by whatever process: the store counts them. */
  tokenTotals(): Promise<{ issued: number; revoked: number }>;
  /** Answers that are under way. */
  running(): number;
  /** Usage rows that wait for the store, and those that were given up. */
  usageRows(): { readonly pending: number; readonly lost: number };
}

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/** All instruments, in one list. The `link_assistant_*` names of 0.17.0 keep their meaning. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #options: MetricsOptions;
  readonly #requests = this.#counter('requests_total', 'Requests answered, refused ones included.');
  readonly #errors = this.#counter('errors_total', 'Requests that ended with a status of 400 or more, or broke.');
  readonly #bytesIn = this.#counter('bytes_in_total', 'Bytes received from upstreams in answers.');
  readonly #bytesOut = this.#counter('bytes_out_total', 'Bytes sent to upstreams in request bodies.');
  readonly #chat = this.#counter('openai_chat_completions_total', 'Requests to the Chat Completions surface.');
  readonly #responses = this.#counter('openai_responses_total', 'Requests to the Responses surface.');
  readonly #messages = this.#counter('anthropic_messages_total', 'Requests to the Anthropic Messages surface.');
  readonly #issued = this.#counter('tokens_issued_total', 'Tokens issued since the store was made, by any process.');
  readonly #revoked = this.#counter('tokens_revoked_total', 'Tokens revoked since the store was made, by any process.');
  readonly #status = this.#counter('status_total', 'Requests by status of the answer.', ['code']);
  readonly #accounts = this.#counter('account_calls_total', 'Requests sent upstream, by account.', ['account']);
  readonly #tokens = this.#counter('model_tokens_total', 'Model tokens booked, by class.', ['class']);
  readonly #durations = this.#histogram('request_duration_seconds', 'Time from request to the end of the answer.');
  readonly #firstByte = this.#histogram('first_byte_seconds', "Time from request to the upstream's first byte.");

  constructor(options: MetricsOptions) {
    this.#options = options;
    const { registry } = this;
    this.#gauge('running_answers', 'Answers that are under way.', () => options.running());
    this.#gauge('usage_rows_pending', 'Usage rows that wait for the store.', () => options.usageRows().pending);
    this.#gauge('usage_rows_lost', 'Usage rows given up since the start.', () => options.usageRows().lost);
    collectDefaultMetrics({ register: registry });
  }

  get registry(): Registry {
    return this.#registry;
  }

  count(sample: RequestSample): void {
    this.#requests.inc();
    this.#status.inc({ code: sample.status });
    if (sample.status >= 400 || sample.broken) this.#errors.inc();
    if (sample.bytesFromUpstream > 0) this.#bytesIn.inc(sample.bytesFromUpstream);
    if (sample.bytesToUpstream > 0) this.#bytesOut.inc(sample.bytesToUpstream);
    if (sample.route === 'messages') this.#messages.inc();
    if (sample.account !== null) this.#accounts.inc({ account: sample.account });
    this.#durations.observe(sample.durationMs / 1000);
    if (sample.firstByteMs !== null) this.#firstByte.observe(sample.firstByteMs / 1000);
    if (sample.usage) {
      this.#tokens.inc({ class: 'input' }, sample.usage.input);
      this.#tokens.inc({ class: 'output' }, sample.usage.output);
      this.#tokens.inc({ class: 'cache_write' }, sample.usage.cacheWrite);
      this.#tokens.inc({ class: 'cache_read' }, sample.usage.cacheRead);
    }
  }

  /** Prometheus text format, version 0.0.4. */
  async text(): Promise<string> {
    await this.#readTotals();
    return this.#registry.metrics();
  }

  async summary(): Promise<UsageSummary> {
    const totals = await this.#readTotals();
    return {
      requests_total: await valueOf(this.#requests),
      errors_total: await valueOf(this.#errors),
      bytes_in: await valueOf(this.#bytesIn),
      bytes_out: await valueOf(this.#bytesOut),
      openai_chat_completions: await valueOf(this.#chat),
      openai_responses: await valueOf(this.#responses),
      anthropic_messages: await valueOf(this.#messages),
      tokens_issued: totals.issued,
      tokens_revoked: totals.revoked,
      status_counts: await valuesBy(this.#status, 'code'),
      account_calls: await valuesBy(this.#accounts, 'account'),
    };
  }

  async #readTotals(): Promise<{ issued: number; revoked: number }> {
    const totals = await this.#options.tokenTotals();
    this.#issued.reset();
    this.#issued.inc(totals.issued);
    this.#revoked.reset();
    this.#revoked.inc(totals.revoked);
    return totals;
  }

  #counter<Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> {
    return new Counter({ name: `link_assistant_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name: `link_assistant_${name}`,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    });
    this.registry.registerMetric(gauge);
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name: `link_assistant_${name}`, help, buckets: SECONDS, registers: [this.#registry] });
  }
}

async function valueOf(counter: Counter<never>): Promise<number> {
  return (await counter.get()).values[0]?.value ?? 0;
}

async function valuesBy<Label extends string>(counter: Counter<Label>, label: Label): Promise<Record<string, number>> {
  const { values } = await counter.get();
  const rows = values.map(({ labels, value }) => [String(labels[label]), value] as const);
  return Object.fromEntries(rows.toSorted(([a], [b]) => a.localeCompare(b)));
}
