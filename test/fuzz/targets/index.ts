import type { Target } from '../target.ts';
import { anthropicStream } from './anthropic-stream.ts';
import { coding } from './coding.ts';
import { config } from './config.ts';
import { headers } from './headers.ts';
import { json } from './json.ts';
import { sse } from './sse.ts';
import { token } from './token.ts';

/** Everything that is fuzzed. */
export const targets: readonly Target[] = [sse, anthropicStream, json, token, headers, coding, config];
