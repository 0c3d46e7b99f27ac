import { createHash } from 'node:crypto';
import { isObject, type JsonObject, type MessageRequest } from './request.ts';
import { tokensOf } from './tokens.ts';

/** Input tokens of one request in the classes that are billed apart. */
export interface InputUsage {
  readonly fresh: number;
  readonly read: number;
  readonly write5m: number;
  readonly write1h: number;
}

/** A piece of the prompt, in the order in which prompts are cached: tools, system, messages. */
interface Segment {
  readonly text: string;
  readonly tokens: number;
  /** Life of the prefix that ends here, in milliseconds; `undefined` where no cache breakpoint is. */
  readonly ttlMs: number | undefined;
}

interface Entry {
  readonly ttlMs: number;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;
/** A picture's cost depends on its size in pixels, not in bytes: https://docs.claude.com/en/docs/build-with-claude/vision */
const IMAGE_TOKENS = 1_600;
/** How far before a breakpoint an earlier one is looked for: https://docs.claude.com/en/docs/build-with-claude/prompt-caching */
const LOOKBACK_SEGMENTS = 20;
const MAX_ENTRIES = 4_096;

/** All input tokens of a request, as `count_tokens` says them. */
export function countInput(request: MessageRequest): number {
  return total(segmentsOf(request));
}

/**
 * Remembers which prompt prefixes were sent with `cache_control`, as digests and for their time to live. Unlike the vendor's
 * cache it has no smallest prefix, so that short prompts show it too.
 */
export class PromptCache {
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();

  /** `now` gives Unix milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Splits the input of a request into its classes, and caches what it asks for. */
  charge(request: MessageRequest): InputUsage {
    const segments = segmentsOf(request);
    const last = segments.findLastIndex(({ ttlMs }) => ttlMs !== undefined);
    const digests = digestsOf(request.model, segments.slice(0, last + 1));
    const hit = this.#longestHit(segments, digests);
    let write5m = 0;
    let write1h = 0;
    let pending = 0;
    for (let i = hit + 1; i <= last; i += 1) {
      const { tokens, ttlMs } = segments[i]!;
      pending += tokens;
      if (ttlMs === undefined) continue;
      if (ttlMs === HOUR_MS) write1h += pending;
      else write5m += pending;
      pending = 0;
      this.#store(digests[i]!, ttlMs);
    }
    return {
      fresh: total(segments.slice(last + 1)),
      read: total(segments.slice(0, hit + 1)),
      write5m,
      write1h,
    };
  }

  /** Index of the last segment of the longest prefix that is cached, whose life begins anew; -1 when none is. */
  #longestHit(segments: readonly Segment[], digests: readonly string[]): number {
    for (let breakpoint = digests.length - 1; breakpoint >= 0; breakpoint -= 1) {
      if (segments[breakpoint]!.ttlMs === undefined) continue;
      for (let i = breakpoint; i >= 0 && i > breakpoint - LOOKBACK_SEGMENTS; i -= 1) {
        const entry = this.#entries.get(digests[i]!);
        if (!entry || entry.expiresAt <= this.#now()) continue;
        this.#store(digests[i]!, entry.ttlMs);
        return i;
      }
    }
    return -1;
  }

  /** The map keeps insertion order, so the first entry is the one that was not used for longest. */
  #store(digest: string, ttlMs: number): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, { ttlMs, expiresAt: this.#now() + ttlMs });
    if (this.#entries.size > MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!);
  }
}

function segmentsOf({ tools, system, turns, cacheControl }: MessageRequest): Segment[] {
  const segments = [
    ...tools.map((tool) => segment('tool', tool)),
    ...system.map((block) => segment('system', block)),
    ...turns.flatMap(({ role, content }) => content.map((block) => segment(role, block))),
  ];
  const last = segments.at(-1);
  return last && isObject(cacheControl)
    ? [...segments.slice(0, -1), { ...last, ttlMs: ttlOf(cacheControl) }]
    : segments;
}

/** Breakpoints move from request to request, and are no part of what is cached. */
function segment(place: string, block: JsonObject): Segment {
  const { cache_control: control, ...rest } = block;
  const text = `${place} ${JSON.stringify(rest)}`;
  return { text, tokens: block['type'] === 'image' ? IMAGE_TOKENS : tokensOf(text), ttlMs: ttlOf(control) };
}

function ttlOf(control: unknown): number | undefined {
  if (!isObject(control)) return undefined;
  return control['ttl'] === '1h' ? HOUR_MS : FIVE_MINUTES_MS;
}

/** One digest per segment, of everything up to its end. */
function digestsOf(model: string, segments: readonly Segment[]): string[] {
  let before = model;
  return segments.map(({ text }) => {
    before = createHash('sha256').update(`${before}\n${text}`).digest('base64');
    return before;
  });
}

function total(segments: readonly Segment[]): number {
  return segments.reduce((sum, { tokens }) => sum + tokens, 0);
}
