import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { exchange, openRaw, type RawConnection } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messageJson, messageStream } from '../support/messages.ts';
import { messagesRequest, STREAM_BODY } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import { startUpstream } from '../support/upstream.ts';

/** The kernel takes 8 MB of each before a byte is kept: `STALLED_STREAMS=500` makes the full run. */
const STREAMS = Number(process.env['STALLED_STREAMS'] ?? 50);
const STALL_MS = 8_000;
/** Good requests before and during. */
const GOOD = 50;
const MAX_BUFFER_BYTES = 256 * 1024;
const MAX_GROWTH_MB = 200;
const EVENTS = messageStream({ text: 'x' });
const FILLER = Buffer.from(`event: content_block_delta\ndata: ${'x'.repeat(65_000)}\n\n`);

test(`C4 ${STREAMS} clients that never read: little is kept for each, others are served, and the stall limit ends them`, async (t) => {
  let pushed = 0;
  const upstream = await startUpstream(t, async (request, reply) => {
    if (!request.body.includes('"stream":true')) return reply.json(200, messageJson());
    await reply.events(EVENTS.slice(0, 2));
    const isTaken = () =>
      reply.write(FILLER).then(
        () => true,
        () => false,
      );
    while (await isTaken()) pushed += FILLER.length;
  });
  const router = await startRouterProcess(t, upstream.url, { WRITE_STALL_TIMEOUT_MS: String(STALL_MS) });
  const { token } = await router.issue();
  const good = async () => {
    const asked = performance.now();
    assert.equal((await exchange(t, router.url, messagesRequest(token))).status, 200);
    return performance.now() - asked;
  };
  for (let i = 0; i < GOOD; i += 1) await good();
  const before = router.rss();
  let most = before;
  const sampling = setInterval(() => (most = Math.max(most, router.rss())), 100);
  t.after(() => clearInterval(sampling));

  const stalled: RawConnection[] = [];
  for (let i = 0; i < STREAMS; i += 1) {
    const connection = await openRaw(t, router.url);
    await connection.request(messagesRequest(token, { body: STREAM_BODY }));
    stalled.push(connection);
  }
  const streams = () => upstream.requests.slice(GOOD).filter(({ body }) => body.includes('"stream":true'));
  await eventually(
    () => streams().length,
    (count) => count === STREAMS,
    30_000,
  );
  const latencies: number[] = [];
  for (let i = 0; i < GOOD; i += 1) latencies.push(await good());
  await eventually(
    () => streams().filter(({ goneAt }) => goneAt === undefined).length,
    (left) => left === 0,
    90_000,
  );
  clearInterval(sampling);
  const received = (await Promise.all(stalled.map(drain))).toSorted((a, b) => a - b);

  router.running.signal('SIGTERM');
  const { stderr } = await router.running.result;
  const taken = stderr
    .split('\n')
    .filter((line) => line.includes('"ended":"write_stall"'))
    .map((line) => (JSON.parse(line) as { bytesFromUpstream: number }).bytesFromUpstream)
    .toSorted((a, b) => a - b);
  assert.equal(taken.length, STREAMS, 'the stall limit ended all of them');
  const kept = taken.map((bytes, i) => bytes - received[i]!);
  const total = kept.reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(total / STREAMS <= MAX_BUFFER_BYTES, `${total / STREAMS} bytes in each buffer`);
  assert.ok(most - before <= MAX_GROWTH_MB, `${most - before} MB more`);
  const slowest = latencies.toSorted((a, b) => a - b).at(-1)!;
  t.diagnostic(
    `${(total / STREAMS / 1024).toFixed(0)} KB kept of each stream, RSS +${(most - before).toFixed(0)} MB, ` +
      `${(pushed / 1_048_576).toFixed(0)} MB pushed, slowest other request ${slowest.toFixed(0)} ms`,
  );
});

/** Reads what the kernel still has. Resolves to the bytes of the event stream, when the connection has ended. */
async function drain({ socket }: RawConnection): Promise<number> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  const bytes = Buffer.concat(chunks);
  let at = bytes.indexOf('\r\n\r\n') + 4;
  let payload = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) break;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    payload += Math.min(size, Math.max(0, bytes.length - end - 2));
    at = end + 2 + size + 2;
  }
  return payload;
}
