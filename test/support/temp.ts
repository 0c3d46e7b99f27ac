import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who runs the clean-up: a `TestContext`, or `{ after }` of `node:test` inside `before`. */
export interface Cleanup {
  after(work: () => void | Promise<void>): void;
}

/** An empty folder of mode 0700 that is removed with everything in it. */
export async function temporaryFolder(t: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'router-test-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
