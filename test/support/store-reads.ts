import { StatementSync } from 'node:sqlite';
import type { Cleanup } from './temp.ts';

/** Counts the statements on the table of tokens that this process runs, until the end of the test. */
export function countTokenReads(t: Cleanup): () => number {
  let count = 0;
  const methods = ['all', 'get', 'run', 'iterate'] as const;
  for (const method of methods) {
    const original = Reflect.get(StatementSync.prototype, method) as (...values: unknown[]) => unknown;
    const counting = function (this: StatementSync, ...values: unknown[]) {
      if (/\btokens\b/.test(this.sourceSQL)) count += 1;
      return original.apply(this, values);
    };
    Reflect.set(StatementSync.prototype, method, counting);
    t.after(() => void Reflect.set(StatementSync.prototype, method, original));
  }
  return () => count;
}
