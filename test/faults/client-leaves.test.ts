import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CutError } from '../support/byte-reader.ts';
import { openRaw, type RawConnection } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messageStream } from '../support/messages.ts';
import { messagesRequest, STREAM_BODY } from '../support/messages-client.ts';
import { startRouterProcess } from '../support/router-process.ts';
import { startTestRouter } from '../support/router.ts';
import type { Cleanup } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

const WORDS = 'one two three four five';
const EVENTS = messageStream({ text: WORDS, usage: { input: 50, output: 40 } });
/** Index of the first event after the last word. */
const AFTER_TEXT = EVENTS.findIndex((event) => event.includes('content_block_stop'));
const DISCONNECTS = 1_000;
const AT_A_TIME = 10;

test('C1 a client that leaves in the middle of its upload costs nothing, and the upstream is not called', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const { token, record } = await router.router.tokens.issue();
  for (const leave of LEAVES) {
    for (const framing of [
      ['content-length', '100000'],
      ['transfer-encoding', 'chunked'],
    ]) {
      for (const sent of ['', '{"mod', `{"model":"m","x":"${'y'.repeat(70_000)}`]) {
        const connection = await openRaw(t, router.url);
        const chunk = framing[0] === 'content-length' ? sent : `${sent.length.toString(16)}\r\n${sent}`;
        await connection.request({ ...messagesRequest(token, { headers: framing, body: '' }) });
        await connection.send(sent === '' ? '' : chunk);
        leave(connection);
      }
    }
  }
  const ended = await eventually(
    () => router.logs.filter((line) => line.includes('"route":"messages"')),
    (lines) => lines.length === 12,
  );
  for (const line of ended) assert.doesNotMatch(line, /"usage"|"attempts"/);
  assert.equal(upstream.requests.length, 0);
  const usage = await router.router.usageOf(record.id);
  assert.equal(usage.inputTokens + usage.outputTokens, 0);
});

test(`C2 C3 ${DISCONNECTS} clients leave after each event, by FIN and by RST: the upstream ends in 1 s, the use is booked, no socket stays`, async (t) => {
  const upstream = await startUpstream(t, async (request, reply) => {
    const count = Number(new URL(request.url, 'http://x').searchParams.get('events'));
    if (count > 0) await reply.events(EVENTS.slice(0, count));
    await reply.hang();
  });
  const router = await startRouterProcess(t, upstream.url, { VERBOSE: '0' });
  const { token, id } = await router.issue();
  const arrived = (run: number) =>
    eventually(
      () => upstream.requests.some(({ url }) => url.endsWith(`&run=${run}`)),
      (yes) => yes,
    );
  const open = { t, url: router.url, token, arrived };
  await leaveAfter(open, 1, LEAVES[0]!, -1);
  await eventually(
    () => upstream.requests[0]!.goneAt,
    (at) => at !== undefined,
  );
  const before = router.descriptors();

  const left = new Map<number, number>();
  let next = 0;
  const worker = async () => {
    for (let run = next++; run < DISCONNECTS; run = next++) {
      const count = run % (EVENTS.length + 1);
      const leave = LEAVES[Math.floor(run / (EVENTS.length + 1)) % 2]!;
      left.set(run, await leaveAfter(open, count, leave, run));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  await eventually(
    () => upstream.requests.filter(({ goneAt }) => goneAt === undefined).length,
    (open) => open === 0,
  );

  const latencies = upstream.requests.slice(1).map((request) => {
    const run = Number(new URL(request.url, 'http://x').searchParams.get('run'));
    return request.goneAt! - left.get(run)!;
  });
  assert.equal(latencies.length, DISCONNECTS);
  const slowest = Math.max(...latencies);
  assert.ok(slowest <= 1_000, `${slowest} ms until the upstream was let go`);
  const after = await eventually(
    () => router.descriptors(),
    (now) => now <= before + 1,
  );

  const totals = await eventually(
    () => router.usageOf(id),
    ({ requests }) => requests === DISCONNECTS + 1,
  );
  assert.ok(totals.inputTokens > 0 && totals.outputTokens > 0);

  router.running.signal('SIGTERM');
  const { stderr } = await router.running.result;
  const lines = stderr.split('\n').filter((line) => line.includes('"route":"messages"'));
  assert.equal(lines.length, DISCONNECTS + 1);
  for (const line of lines) {
    const { ended, usage, bytesFromUpstream = 0 } = JSON.parse(line) as LogLine;
    const events = eventsIn(bytesFromUpstream);
    assert.equal(ended, 'client_gone');
    assert.ok(usage && usage.input > 0, 'what the upstream read is booked');
    if (events > 0) assert.equal(usage.input, 50);
    const words = EVENTS.slice(0, events).filter((event) => event.includes('text_delta')).length;
    const visible = WORDS.split(/(?<= )/)
      .slice(0, words)
      .join('').length;
    assert.ok(usage.output >= Math.ceil(visible / 3), `${usage.output} for ${visible} bytes`);
    if (events === AFTER_TEXT + 1) assert.ok(usage.output >= Math.ceil(WORDS.length / 3), 'C3');
    if (events >= EVENTS.length - 1) assert.equal(usage.output, 40, "the provider's figure");
  }
  t.diagnostic(`slowest abort ${slowest.toFixed(0)} ms; descriptors ${before} before, ${after} after`);
});

interface LogLine {
  readonly ended: string;
  readonly usage?: { readonly input: number; readonly output: number };
  readonly bytesFromUpstream?: number;
}

/** How many whole events stand in the first `bytes` bytes of the stream. */
function eventsIn(bytes: number): number {
  let end = 0;
  return EVENTS.filter((event) => (end += event.length) <= bytes).length;
}

const LEAVES: readonly ((connection: RawConnection) => void)[] = [
  (connection) => connection.socket.end(() => connection.destroy()),
  (connection) => connection.socket.resetAndDestroy(),
];

/** Reads `count` events and leaves. Returns when, by `performance.now()`. */
async function leaveAfter(
  open: { t: Cleanup; url: string; token: string; arrived: (run: number) => Promise<unknown> },
  count: number,
  leave: (connection: RawConnection) => void,
  run: number,
): Promise<number> {
  const connection = await openRaw(open.t, open.url);
  await connection.request(
    messagesRequest(open.token, { target: `/v1/messages?events=${count}&run=${run}`, body: STREAM_BODY }),
  );
  if (count > 0) {
    const wanted = EVENTS.slice(0, count).join('').length;
    let got = 0;
    for await (const piece of connection.body(await connection.head())) {
      got += piece.length;
      if (got >= wanted) break;
    }
    if (got < wanted) throw new CutError('the stream was cut');
  } else {
    await open.arrived(run);
  }
  const at = performance.now();
  leave(connection);
  return at;
}

test('C1 a client that leaves while its token is looked up is forgotten at once', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const connection = await openRaw(t, router.url);
  // The end of the connection is read in the same turn as the request, before the store has answered.
  await connection.send(
    `POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${token}\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n`,
  );
  const [line = ''] = await eventually(
    () => router.logs.filter((text) => text.includes('"route":"messages"')),
    ({ length }) => length > 0,
  );
  assert.equal((JSON.parse(line) as LogLine).ended, 'client_gone');
  assert.equal(upstream.requests.length, 0);
});
