/** Loaded into the router by `--import`, together with `--expose-gc`: tells over the channel what is left after a collection. */
import { isMainThread } from 'node:worker_threads';

/** What a router process holds. Bytes. */
export interface Holdings {
  readonly heap: number;
  readonly resident: number;
  /** Handles that keep an event loop busy (sockets, servers), by kind. */
  readonly handles: Readonly<Record<string, number>>;
  readonly timers: number;
}

if (isMainThread && process.channel) {
  process.on('message', () => {
    // The second one takes what the first one's finalizers freed.
    globalThis.gc?.();
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    const handles: Record<string, number> = {};
    let timers = 0;
    for (const kind of process.getActiveResourcesInfo()) {
      if (kind === 'Timeout' || kind === 'Immediate') timers += 1;
      else handles[kind] = (handles[kind] ?? 0) + 1;
    }
    process.send?.({ heap: heapUsed, resident: rss, handles, timers } satisfies Holdings);
  });
  process.channel.unref();
}
