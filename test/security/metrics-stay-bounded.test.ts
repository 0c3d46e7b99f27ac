import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pool } from 'undici';
import { exchange } from '../support/client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

/** Each with a model, a user agent and a path or a token of its own. A third of them goes all the way to the upstream. */
const REQUESTS = 10_000;
const AT_ONCE = 8;
/** Some seconds on a quiet machine; the limit is for one that is busy. Milliseconds. */
const BUSY = { timeout: 180_000 };

const pathOf = (number: number) => (number % 3 === 2 ? `/made-up-${number}` : '/v1/messages/count_tokens');
const seriesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const nameOf = (line: string) => line.slice(0, line.lastIndexOf(' '));

test('S16 10,000 models, paths, ids and labels that clients made up add no series to the metrics', BUSY, async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, '{"input_tokens":1}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const pool = new Pool(router.url, { connections: AT_ONCE });
  t.after(() => pool.close());
  const metrics = async () => seriesOf((await exchange(t, router.url, { target: '/metrics' })).body.toString());
  const ask = async (path: string, number: number) => {
    const headers = { 'x-api-key': number % 3 === 1 ? `made-up-${number}` : token, 'user-agent': `agent-${number}` };
    const body = JSON.stringify({ model: `made-up-${number}` });
    const answer = await pool.request({ method: 'POST', path, headers, body });
    await answer.body.dump();
  };
  const spread = async (count: number, path: (number: number) => string) => {
    let next = 0;
    const worker = async () => {
      while (next < count) {
        next += 1;
        await ask(path(next), next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  // Every status and account that comes below has been seen before the count starts.
  await spread(120, pathOf);
  const before = new Set((await metrics()).map(nameOf));
  await spread(REQUESTS, pathOf);
  const after = (await metrics()).map(nameOf);

  assert.deepEqual(
    // Node's own come with the first collection of each kind, and with what its process happens to have open.
    after.filter((name) => !before.has(name) && !/^(?:nodejs|process)_/.test(name)),
    [],
  );
  assert.ok(after.length < 1_000, `${after.length} series`);
  assert.doesNotMatch(after.join('\n'), /made-up|agent-/);
  assert.ok(upstream.requests.length > REQUESTS / 4);
});
