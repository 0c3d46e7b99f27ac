let last: Promise<void> = Promise.resolve();

/**
 * Resolves in a turn of the event loop that no other caller gets. Work that takes tens of milliseconds, begun by many requests at
 * the same moment, would keep everybody else waiting for all of it; like this they wait for one piece of it at a time.
 */
export function ownTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => void setImmediate(resolve)));
  return last;
}
