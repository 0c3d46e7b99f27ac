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
const MB = 1_048_576;
const open = '{"model":"m","x":';

/** Name, body as texts and counts, status. Each of about 32 MB, but for the first. */
const BOMBS: readonly [string, (readonly [string, number])[], number][] = [
  [
    'depth of a million',
    [
      [open, 1],
      ['[', 1_000_000],
      [']', 1_000_000],
      ['}', 1],
    ],
    400,
  ],
  [
    '32 MB of brackets',
    [
      [open, 1],
      ['[', 32 * MB - 100],
    ],
    400,
  ],
  [
    'ten million empty objects',
    [
      [`${open}[{}`, 1],
      [',{}', 10_000_000],
      [']}', 1],
    ],
    400,
  ],
  [
    'two million keys',
    [
      [`${open}{"k":0`, 1],
      [',"kkkkkkk":1', 2_000_000],
      ['}}', 1],
    ],
    400,
  ],
  [
    'two million top-level keys',
    [
      ['{"model":"m"', 1],
      [',"kkkkkkk":1', 2_000_000],
      ['}', 1],
    ],
    400,
  ],
  [
    '999,000 values',
    [
      [`${open}[0`, 1],
      [',0', 999_000],
      [']}', 1],
    ],
    200,
  ],
  [
    'one string',
    [
      [`${open}"`, 1],
      ['a', 32 * MB - 100],
      ['"}', 1],
    ],
    200,
  ],
  [
    'one string of escapes',
    [
      [`${open}"`, 1],
      ['\\"', 16 * MB - 100],
      ['"}', 1],
    ],
    400,
  ],
  [
    'one number',
    [
      [open, 1],
      ['9', 32 * MB - 100],
      ['}', 1],
    ],
    400,
  ],
  [
    'white space',
    [
      [open, 1],
      [' ', 32 * MB - 100],
      ['1}', 1],
    ],
    200,
  ],
];

test(`C11 no JSON bomb holds the event loop for ${MAX_STALL_MS} ms`, async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  await sendFromWorker({ url: router.url, token, parts: [['{"model":"m"}', 1]] });
  const stalls: string[] = [];
  for (const [name, parts, status] of BOMBS) {
    const turns = watchTurns();
    const answered = await sendFromWorker({ url: router.url, token, parts });
    const longest = turns.stop();
    stalls.push(`${name}: ${longest.toFixed(0)} ms`);
    assert.equal(answered, status, name);
    assert.ok(longest <= MAX_STALL_MS, `${name}: ${longest} ms of work in one turn of the event loop`);
  }
  t.diagnostic(stalls.join('; '));
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
