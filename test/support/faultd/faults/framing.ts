import type { Call } from '../call.ts';
import { fault } from '../fault.ts';
import { bookJson, jsonText, planOf } from '../message.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

/** Things that are no HTTP answer (U18). All but `chunk-later` are wrong before the first byte of a body. */
const INVALID: Readonly<Record<string, string>> = {
  ssh: 'SSH-2.0-OpenSSH_9.2p1\r\n',
  'http-0.9': '<html>hello</html>\n',
  'http-9': 'HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n',
  'no-status': 'HTTP/1.1 OK\r\n\r\n',
  'lf-in-header': `${OK}x\nbad: 1\r\n\r\n`,
  'nul-in-header': `${OK}x: a\0b\r\ncontent-length: 0\r\n\r\n`,
  'two-lengths': `${OK}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`,
  'length-and-chunks': `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'negative-length': `${OK}content-length: -1\r\n\r\n`,
  'chunk-size': `${CHUNKED}zz\r\n`,
  'chunk-overflow': `${CHUNKED}fffffffffffffffff\r\nabc`,
  'chunk-negative': `${CHUNKED}-1\r\nabc`,
  'tls-alert': '\x15\x03\x03\x00\x02\x02\x28',
  continue: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(2),
  switching: 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  empty: '',
};

export const invalidAnswers: readonly string[] = Object.keys(INVALID);

/** Answers that break the framing of HTTP. */
export const framingFaults = {
  /** `as`: one of `invalidAnswers`. */
  invalid: fault(async (call) => {
    const bytes = INVALID[call.params.get('as') ?? ''];
    if (bytes === undefined) throw new Error(`there is no invalid answer ${call.params.get('as')}`);
    await call.raw(Buffer.from(bytes, 'latin1'));
    call.cut();
  }),
  /** A good chunk, then one whose size is no number. */
  'chunk-later': fault(async (call) => {
    await call.streamHead();
    await call.body('event: ping\ndata: {"type": "ping"}\n\n');
    await call.raw('zz\r\n');
    await call.hang();
  }),
  /** One chunk with an extension of `bytes` (1 MiB), then a good end. */
  'chunk-extension': fault(async (call) => {
    await call.head(200, ['content-type', 'application/json']);
    const text = jsonText(call, planOf(call));
    await call.raw(`${Buffer.byteLength(text).toString(16)};x=`);
    await call.raw('y'.repeat(call.number('bytes', 1_048_576)));
    call.entry.sent(Buffer.from(text));
    await call.raw(`\r\n${text}\r\n0\r\n\r\n`);
    bookJson(call.entry, planOf(call));
  }),
  /** `count` (10 000) interim answers before the real one. */
  interim: fault(async (call) => {
    const one = 'HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n';
    for (let left = call.number('count', 10_000); left > 0; left -= 100)
      await call.raw(one.repeat(Math.min(left, 100)));
    // Whoever has had enough of them leaves here, and is not billed.
    await call.sleep(20);
    await json(call);
  }),
  /**
   * An answer, and behind it one that nobody asked for (U19). `extra`: `response` (default), `bytes` or `body` (more body than the
   * length says). `apart`: milliseconds between the two.
   */
  double: fault(async (call) => {
    await json(call);
    if (call.params.has('apart')) await call.sleep(call.number('apart', 0));
    const foreign = '{"type":"message","id":"msg_smuggled","content":[{"type":"text","text":"SMUGGLED"}],"usage":{}}';
    const second = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${foreign.length}\r\n\r\n${foreign}`;
    const extra = { response: second, bytes: 'SMUGGLED\r\n', body: '"SMUGGLED"}' }[
      call.params.get('extra') ?? 'response'
    ];
    await call.raw(extra!);
  }),
};

async function json(call: Call): Promise<void> {
  await call.answer(200, 'application/json', jsonText(call, planOf(call)));
  bookJson(call.entry, planOf(call));
}
