import { CHUNKS, IDLE_REQUEST, LARGE_REQUEST, SMALL_REQUEST, STREAM_REQUEST } from './shapes.ts';

/** What the load process does, and what the result is counted in. */
export interface Scenario {
  readonly title: string;
  readonly body: Buffer;
  /** Requests under way at a time. */
  readonly concurrency: number;
  /** Requests of one round. Enough for several tenths of a second of CPU, of which the kernel counts hundredths. */
  readonly requests: number;
  readonly answer: 'json' | 'stream';
  /** The CPU time of a request is shared out over this many. */
  readonly units: number;
}

export const SCENARIOS = {
  json: {
    title: '2 KB JSON request',
    body: SMALL_REQUEST,
    concurrency: 32,
    requests: 12_000,
    answer: 'json',
    units: 1,
  },
  sse: {
    title: 'SSE chunk, 200 streams',
    body: STREAM_REQUEST,
    concurrency: 200,
    requests: 400,
    answer: 'stream',
    units: CHUNKS,
  },
  body: {
    title: '1 MB request body',
    body: LARGE_REQUEST,
    concurrency: 8,
    requests: 600,
    answer: 'json',
    units: 1,
  },
} as const satisfies Record<string, Scenario>;

/** Streams that say one event and then nothing. Not a matter of CPU, but of memory. */
export const IDLE: Scenario = {
  title: '1,000 idle streams',
  body: IDLE_REQUEST,
  concurrency: 1_000,
  requests: 1_000,
  answer: 'stream',
  units: 1,
};

export type ScenarioName = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];
