import { type Profiler, Session } from 'node:inspector';

/**
 * Tells how much of some source files was reached for the first time, by V8's own block coverage. Modules must be loaded after it
 * was made: V8 counts the blocks only of what it compiles from then on.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #suffixes: readonly string[];
  /** Per function, a mark for each of its characters that was reached. */
  readonly #reached = new Map<string, Uint8Array>();
  /** What the last call of `news` marked. */
  #latest: [marks: Uint8Array, index: number][] = [];

  /** `modules`: files below `src/`. */
  constructor(modules: readonly string[]) {
    this.#suffixes = modules.map((module) => `/src/${module}`);
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /** How many characters of source were reached since the last call, and never before it. */
  news(): number {
    this.#latest = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      for (const { url, scriptId, functions } of taken.result) {
        if (!this.#suffixes.some((suffix) => url.endsWith(suffix))) continue;
        for (const { ranges } of functions) this.#mark(scriptId, ranges);
      }
    });
    return this.#latest.length;
  }

  /** Forgets what the last call of `news` found. */
  rewind(): void {
    for (const [marks, index] of this.#latest) marks[index] = 0;
  }

  close(): void {
    this.#session.disconnect();
  }

  /** The first range is the function; those inside it differ in whether they were reached. */
  #mark(scriptId: string, [whole, ...blocks]: readonly Profiler.CoverageRange[]): void {
    if (!whole || whole.count === 0) return;
    const start = whole.startOffset;
    const now = new Uint8Array(whole.endOffset - start).fill(1);
    for (const { startOffset, endOffset, count } of blocks) {
      now.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
    }
    const key = `${scriptId}:${start}`;
    const marks = this.#reached.get(key) ?? new Uint8Array(now.length);
    this.#reached.set(key, marks);
    for (let i = 0; i < now.length; i += 1) {
      if (now[i] === 0 || marks[i] === 1) continue;
      marks[i] = 1;
      this.#latest.push([marks, i]);
    }
  }
}
