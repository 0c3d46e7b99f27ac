import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendFromWorker } from '../support/body-sender.ts';
import { exchange } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest } from '../support/messages-client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

const MAX_STALL_MS = 100;
const ATTEMPTS = 5;
const MB = 1_048_576;
const open = '{"model":"m","x":';

type Part = readonly [text: string, count: number];
const bomb = (name: string, status: number, ...parts: readonly Part[]) => ({ name, status, parts });

/** Each of about 32 MB, but for the first. 502: it was good, and there is no upstream. */
const BOMBS = [
  bomb('depth of a million', 400, [open, 1], ['[', 1_000_000], [']', 1_000_000], ['}', 1]),
  bomb('32 MB of brackets', 400, [open, 1], ['[', 32 * MB - 100]),
  bomb('ten million empty objects', 400, [`${open}[{}`, 1], [',{}', 10_000_000], [']}', 1]),
  bomb('two million keys', 400, [`${open}{"k":0`, 1], [',"kkkkkkk":1', 2_000_000], ['}}', 1]),
  bomb('two million top-level keys', 400, ['{"model":"m"', 1], [',"kkkkkkk":1', 2_000_000], ['}', 1]),
  bomb('999,000 values', 502, [`${open}[0`, 1], [',0', 999_000], [']}', 1]),
  bomb('one string', 502, [`${open}"`, 1], ['a', 32 * MB - 100], ['"}', 1]),
  bomb('one string of escapes', 502, [`${open}"`, 1], ['\\"', 16 * MB - 100], ['"}', 1]),
  bomb('one number', 502, [open, 1], ['9', 32 * MB - 100], ['}', 1]),
  bomb('white space', 502, [open, 1], [' ', 32 * MB - 100], ['1}', 1]),
];

test(`C11 no JSON bomb holds the event loop for ${MAX_STALL_MS} ms`, async (t) => {
  // Nothing listens there: what an upstream in this thread would do with the bytes is not the router's work.
  const router = await startTestRouter(t, { upstreamBaseUrl: 'http://127.0.0.1:1' });
  const token = await router.issue();
  const send = (parts: readonly Part[]) => sendFromWorker({ url: router.url, token, parts });
  await send([['{"model":"m"}', 1]]);
  const stalls: string[] = [];
  for (const { name, status, parts } of BOMBS) {
    let best = Number.POSITIVE_INFINITY;
    // What a busy machine adds to a measurement is not there every time; work that has to be done is.
    for (let attempt = 0; best > MAX_STALL_MS && attempt < ATTEMPTS; attempt += 1) {
      const turns = watchTurns();
      assert.equal(await send(parts), status, name);
      best = Math.min(best, turns.stop());
    }
    stalls.push(`${name} ${best.toFixed(0)} ms`);
    assert.ok(best <= MAX_STALL_MS, `${name}: ${best} ms of work in one turn of the event loop`);
  }
  t.diagnostic(stalls.join(', '));
});

/** Longest processor time of this thread in one turn of the event loop: what others take from it does not count. Milliseconds. */
function watchTurns(): { stop(): number } {
  let longest = 0;
  let before = process.threadCpuUsage();
  let next: NodeJS.Immediate;
  const turn = () => {
    const spent = process.threadCpuUsage(before);
    longest = Math.max(longest, (spent.user + spent.system) / 1_000);
    before = process.threadCpuUsage();
    next = setImmediate(turn);
  };
  next = setImmediate(turn);
  return {
    stop() {
      clearImmediate(next);
      return longest;
    },
  };
}

const ODD: readonly [string, string | Buffer, number][] = [
  ['__proto__', '{"__proto__":{"polluted":1},"model":"m","constructor":{"prototype":{"polluted":1}}}', 200],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2,"model":"m"}', 400],
  ['model twice', '{"model":"a","model":"b"}', 400],
  ['model twice, once escaped', '{"model":"a","\\u006dodel":"b"}', 400],
  ['model escaped', '{"\\u006d\\u006fdel":"\\u0061\\u002d\\ud83d\\ude00"}', 200],
  ['model in a nested object', '{"x":{"model":"a"},"model":"b","y":[{"model":"c"}]}', 200],
  ['a key that ends in a backslash', '{"x\\\\":"model","model":"m"}', 200],
  ['model in other letters', '{"Model":"a","model":"b","MODEL":"c"}', 200],
  ['number past the doubles', '{"model":"m","x":1e999,"y":-1e999,"z":1e-999}', 200],
  ['lone surrogate', '{"model":"a\\ud800b"}', 200],
  ['BOM', '\ufeff{"model":"m"}', 400],
  ['NUL', '{"model":"m\0"}', 400],
  ['NUL after the end', '{"model":"m"}\0', 400],
  ['something after the end', '{"model":"m"}{"model":"n"}', 400],
  ['invalid UTF-8', Buffer.from('{"model":"\xff\xfe"}', 'latin1'), 400],
  ['overlong UTF-8', Buffer.from('{"model":"\xc0\xaf"}', 'latin1'), 400],
  ['UTF-16', Buffer.from('{"model":"m"}', 'utf16le'), 400],
  ['comment', '{"model":"m"/* x */}', 400],
  ['trailing comma', '{"model":"m",}', 400],
  ['NaN', '{"model":"m","x":NaN}', 400],
  ['single quotes', "{'model':'m'}", 400],
  ['model is null', '{"model":null}', 400],
  ['model is an object', '{"model":{"toString":"x"}}', 400],
];

test('C11 what is routed and booked is the model that the upstream reads, and no prototype changes', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const before = prototypes();
  for (const [name, body, status] of ODD) {
    const answer = await exchange(t, router.url, messagesRequest(token, { body }));
    assert.equal(answer.status, status, name);
  }
  assert.deepEqual(prototypes(), before);
  const read = upstream.requests.map((request) => (request.json as { model: string }).model);
  assert.equal(read.length, ODD.filter(([, , status]) => status === 200).length);
  const booked = await eventually(
    () =>
      router.logs
        .map((line) => JSON.parse(line) as { status?: number; model?: string })
        .filter(({ status }) => status === 200),
    ({ length }) => length === read.length,
  );
  assert.deepEqual(
    booked.map(({ model }) => model),
    read,
  );
});

function prototypes(): unknown {
  return [Object.prototype, Array.prototype, Function.prototype].map((each) => Reflect.ownKeys(each));
}
