import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { JSON_ANSWER } from '../../../bench/shapes.ts';
import { Stopwatch, type Times } from './figures.ts';
import { requestBody } from './wish.ts';

export interface RequestsPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** Requests a second, whatever comes back; without it `concurrency` rules. */
  readonly rate?: number;
  /** Requests under way at a time. */
  readonly concurrency?: number;
  /** A connection per request. */
  readonly churn?: boolean;
}

export interface RequestFigures {
  /** 200 with exactly the answer of the upstream. */
  readonly right: number;
  /** 503 with `retry-after`. */
  readonly shed: number;
  /** By what it was: a status, a wrong answer, an error code. */
  readonly wrong: Readonly<Record<string, number>>;
  readonly perSecond: number;
  /** Right answers, from asking to their last byte. */
  readonly latency: Times;
}

const TICK_MS = 2;
/** No more than these may wait for an answer: past it a router that hangs would fill the memory of the load. */
const MOST_OPEN = 5_000;

/** Asks for JSON answers for a while, and checks each byte of them. */
export async function runRequests(plan: RequestsPlan): Promise<RequestFigures> {
  const url = new URL(plan.url);
  const pool = new Pool(url.origin, {
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
    pipelining: plan.churn ? 0 : 1,
    ...(plan.concurrency === undefined ? {} : { connections: plan.concurrency }),
  });
  const request: Dispatcher.DispatchOptions = {
    method: 'POST',
    path: url.pathname,
    headers: { 'content-type': 'application/json', ...plan.headers },
    body: requestBody(),
  };
  const latency = new Stopwatch();
  const wrong: Record<string, number> = {};
  let right = 0;
  let shed = 0;
  const ask = async () => {
    const began = performance.now();
    const outcome = await one(pool, request);
    if (outcome === 'right') {
      right += 1;
      latency.record((performance.now() - began) * 1000);
    } else if (outcome === 'shed') shed += 1;
    else wrong[outcome] = (wrong[outcome] ?? 0) + 1;
  };

  const began = performance.now();
  const until = began + plan.seconds * 1000;
  if (plan.rate === undefined) {
    const worker = async () => {
      while (performance.now() < until) await ask();
    };
    await Promise.all(Array.from({ length: plan.concurrency ?? 1 }, worker));
  } else {
    await atRate(plan.rate, began, until, ask);
  }
  const seconds = (performance.now() - began) / 1000;
  await pool.close();
  return { right, shed, wrong, perSecond: right / seconds, latency: latency.times() };
}

async function atRate(rate: number, began: number, until: number, ask: () => Promise<void>): Promise<void> {
  const open = new Set<Promise<void>>();
  let asked = 0;
  for (let now = began; now < until; now = performance.now()) {
    const due = ((now - began) * rate) / 1000;
    for (; asked < due && open.size < MOST_OPEN; asked += 1) {
      const asking: Promise<void> = ask().finally(() => open.delete(asking));
      open.add(asking);
    }
    await sleep(TICK_MS);
  }
  await Promise.all(open);
}

/** `right`, `shed`, or what else it was. */
function one(pool: Pool, request: Dispatcher.DispatchOptions): Promise<string> {
  return new Promise((resolve) => {
    let status = 0;
    let retryAfter: unknown;
    let bytes = 0;
    let same = true;
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, code, headers) {
        status = code;
        retryAfter = headers['retry-after'];
      },
      onResponseData(_controller, chunk) {
        same &&= chunk.equals(JSON_ANSWER.subarray(bytes, bytes + chunk.length));
        bytes += chunk.length;
      },
      onResponseEnd() {
        if (status === 200) resolve(same && bytes === JSON_ANSWER.length ? 'right' : 'other bytes');
        else resolve(status === 503 && Number(retryAfter) > 0 ? 'shed' : `status ${status}`);
      },
      onResponseError(_controller, error: Error & { code?: string }) {
        resolve(error.code ?? error.message);
      },
    });
  });
}
