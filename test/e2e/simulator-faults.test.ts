import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import {
  assertError,
  CREDENTIAL,
  errorShape,
  eventsOf,
  FAST,
  messageOf,
  startTestSimulator,
  STREAM,
  typesOf,
} from '../support/simulator.ts';

const errors: readonly [status: number, type: string][] = [
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [503, 'api_error'],
  [529, 'overloaded_error'],
];

for (const [status, type] of errors) {
  test(`CL9 simulate error ${status}`, async (t) => {
    const { ask } = await startTestSimulator(t, () => 0);
    const response = await ask(`please simulate error ${status}`, STREAM);
    await assertError(response, status, type, `Simulated error ${status}`);
    assert.equal(response.headers.get('retry-after'), status === 429 || status === 529 ? '1' : null);
    const left = response.headers.get('anthropic-ratelimit-requests-remaining');
    const reset = response.headers.get('anthropic-ratelimit-requests-reset');
    assert.equal(left, status === 429 ? '0' : '3999');
    assert.equal(reset, status === 429 || status === 529 ? '1970-01-01T00:00:01Z' : '1970-01-01T00:00:00Z');
  });
}

test('simulate overloaded mid-stream: an error event after content, then the end', async (t) => {
  const { ask } = await startTestSimulator(t);
  const events = await eventsOf(await ask(`simulate overloaded mid-stream, ${FAST}`, STREAM));
  assert.equal(events.filter(({ event }) => event === 'content_block_delta').length, 5);
  const { event, data } = events.at(-1)!;
  assert.equal(event, 'error');
  assert.deepEqual(errorShape.parse(JSON.parse(data)).error, { type: 'overloaded_error', message: 'Overloaded' });
});

test('simulate truncation: a clean end without message_stop', async (t) => {
  const { ask } = await startTestSimulator(t);
  const types = typesOf(await eventsOf(await ask(`simulate truncation, ${FAST}`, STREAM)));
  assert.equal(types.at(-1), 'content_block_delta');
});

test('a fault strikes also when the answer is short', async (t) => {
  const { ask } = await startTestSimulator(t);
  const types = typesOf(await eventsOf(await ask('simulate truncation', { ...STREAM, max_tokens: 1 })));
  assert.equal(types.at(-1), 'content_block_stop');
});

test('simulate cut: the connection breaks in the middle, in a stream and in a message', async (t) => {
  const { ask } = await startTestSimulator(t);
  for (const rest of [STREAM, {}]) {
    const response = await ask(`simulate cut, ${FAST}`, rest);
    assert.equal(response.status, 200);
    await assert.rejects(response.text(), { name: 'TypeError', message: 'terminated' });
  }
});

test('breaks of streams leave a whole message alone, as the fallback of a client would need', async (t) => {
  const { ask } = await startTestSimulator(t);
  for (const wish of ['overloaded mid-stream', 'truncation']) {
    const message = await messageOf(await ask(`simulate ${wish}`));
    assert.equal(message.stop_reason, 'end_turn');
  }
});

test('simulate long: so many words', async (t) => {
  const { ask } = await startTestSimulator(t);
  const { content } = await messageOf(await ask('simulate long 3000', { max_tokens: 100_000 }));
  assert.equal(content[0].text.split(' ').length, 3000);
});

test('simulate slow: so many milliseconds before each piece', async (t) => {
  const { ask } = await startTestSimulator(t);
  const started = performance.now();
  await eventsOf(await ask('simulate long 3 simulate slow 50', STREAM));
  assert.ok(performance.now() - started >= 3 * 49);
});

test('simulate silence: the stream begins, then nothing comes for that long', async (t) => {
  const { ask } = await startTestSimulator(t);
  const response = await ask(`simulate silence 1, ${FAST}`, STREAM);
  const arrivals: number[] = [];
  for await (const _ of response.body!) arrivals.push(performance.now());
  const gaps = arrivals.slice(1).map((at, i) => at - arrivals[i]!);
  assert.equal(gaps.filter((gap) => gap > 950).length, 1);
});

/** Timers that keep this process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('a peer that goes away leaves no timer behind', async (t) => {
  const { url } = await startTestSimulator(t);
  const before = timers();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.after(() => socket.destroy());
  const messages = [{ role: 'user', content: 'simulate silence 600' }];
  const body = JSON.stringify({ model: 'm', max_tokens: 10, stream: true, messages });
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${CREDENTIAL}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, 'data');
  while (timers() === before) await turn();
  socket.destroy();
  while (timers() > before) await turn();
});

test('close ends what is running at once', async (t) => {
  const { ask, close } = await startTestSimulator(t);
  const streaming = await ask('simulate silence 600', STREAM);
  const waiting = assert.rejects(ask('simulate silence 600'));
  const started = performance.now();
  await close();
  await Promise.all([waiting, assert.rejects(streaming.text())]);
  assert.ok(performance.now() - started < 5_000);
  await close();
});
