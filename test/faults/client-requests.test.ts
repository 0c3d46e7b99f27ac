import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { CutError } from '../support/byte-reader.ts';
import { exchange, openRaw, type RawConnection } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { OPERATOR_KEY, startTestRouter } from '../support/router.ts';
import type { Cleanup } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

async function bench(t: Cleanup) {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  return { upstream, router, token: await router.issue() };
}

const many = (count: number) => Array.from({ length: count }, (_, i) => [`a${i}`, 'b']).flat();

test('C8 100 headers and nearly 16 KB of them are taken; one more, ten times more or more bytes are 431', async (t) => {
  const { upstream, router, token } = await bench(t);
  const own = messagesRequest(token).headers!.length / 2 + 2;
  const cases: [string, string[], number][] = [
    ['100 headers', many(100 - own), 200],
    ['101 headers', many(101 - own), 431],
    ['1,001 headers', many(1_001 - own), 431],
    ['2,200 short headers', Array<string>(4_400).fill('a'), 431],
    ['15 KB in one', ['a', 'b'.repeat(15_000)], 200],
    ['17 KB in one', ['a', 'b'.repeat(17_000)], 431],
    ['17 KB in a name', ['a'.repeat(17_000), 'b'], 431],
    ['1 MB without an end', ['a', 'b'.repeat(1_000_000)], 431],
  ];
  for (const [name, headers, status] of cases) {
    const answer = await exchange(t, router.url, messagesRequest(token, { headers }));
    assert.equal(answer.status, status, name);
    if (status === 431) assert.equal(errorOf(answer.body).type, 'invalid_request_error', name);
  }
  assert.equal(upstream.requests.length, 2);
});

const PATHS = [
  ...['/v1/../v1/messages', '/v1/./messages', '/v1/x/../messages', '/v1/../api/tokens', '/../v1/messages', '/..'],
  ...['/v1/%2e%2e/v1/messages', '/v1/%2e/messages', '/v1%2fmessages', '/v1%2Fmessages', '/%2fv1/messages'],
  ...['/v1%5cmessages', '/v1\\messages', '\\v1\\messages', '/v1/%252e%252e/v1/messages', '/v1/%256dessages'],
  ...['//v1/messages', '/v1//messages', '/v1/messages/', '/v1/messages//', '/v1/messages/.', '/v1/messages/..'],
  ...['/v1/messages;x', '/v1;x/messages', '/v1/messages%00', '/v1/messages%00.json', '/v1/messages%0d%0ax:1'],
  ...['/v1/messages%20', '/v1/messages%09', '/v1/messages%23', '/v1/messages%3f', '/v1/%u006dessages'],
  ...['/v1/%c0%afmessages', '/v1%c0%afmessages', '/v1%e0%80%afmessages', '/v1/\xc0\xafmessages', '/v1/messages%ff'],
  ...['/V1/messages', '/v1/Messages', '/v1/messages%', '/v1/messages%6', '/v1/messages%zz', '/v1/messagesx'],
  ...['@evil.example/v1/messages', ':80/v1/messages', '?/v1/messages', '*', '/v1/messages/@evil.example'],
  ...['http://evil.example/v1/messages', 'https://evil.example/v1/messages', 'file:///etc/passwd', '//evil.example'],
  ...['/api/latest/anthropic@evil.example/v1/messages', '/api/latest/anthropic/../v1/messages', '/api/anthropic'],
  ...[
    '/v1/messages#x',
    `/v1/${'a'.repeat(8_000)}`,
    `/v1/messages?${'a'.repeat(8_300)}`,
    `/${'../'.repeat(500)}v1/messages`,
  ],
];

test(`C12 ${PATHS.length} paths that only look like a route reach nothing`, async (t) => {
  const { upstream, router, token } = await bench(t);
  for (const target of PATHS) {
    const answer = await exchange(t, router.url, messagesRequest(token, { target }));
    assert.ok([400, 404, 414].includes(answer.status), `${target.slice(0, 60)}: ${answer.status}`);
    assert.match(errorOf(answer.body).type, /^(?:invalid_request|not_found)_error$/);
  }
  assert.equal(upstream.requests.length, 0);
});

test('C12 a path is decoded once, and the upstream gets the path of the route', async (t) => {
  const { upstream, router, token } = await bench(t);
  for (const target of ['/v1/%6dessages', '/%76%31/messages?a=%2e%2e&b=1']) {
    assert.equal((await exchange(t, router.url, messagesRequest(token, { target }))).status, 200, target);
  }
  assert.deepEqual(
    upstream.requests.map(({ url }) => url),
    ['/v1/messages', '/v1/messages?a=%2e%2e&b=1'],
  );
});

test('C14 who the client says it is, its host and its credentials stay here, however often they are sent', async (t) => {
  const { upstream, router, token } = await bench(t);
  const wrong = 'wrong-credential-of-the-client';
  const network =
    'Forwarded Via X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Real-IP True-Client-IP CF-Connecting-IP';
  const spoofed = network.split(' ').flatMap((name) => [name, '203.0.113.7', name.toUpperCase(), '203.0.113.8']);
  const sets = [
    ['authorization', `Bearer ${wrong}`, 'authorization', `Bearer ${token}`],
    ['authorization', `Basic ${wrong}`, 'x-api-key', wrong, 'x-api-key', token],
    [
      'authorization',
      `bearer ${token}`,
      'x-api-key',
      wrong,
      'x-goog-api-key',
      wrong,
      'api-key',
      wrong,
      'cookie',
      wrong,
    ],
    ['proxy-authorization', `Bearer ${wrong}`, 'x-api-key', token],
  ];
  for (const credentials of sets) {
    const junk = ['anthropic-beta', 'a,,;=\x80\xff', 'anthropic-beta', ''];
    const headers = [...credentials, ...spoofed, ...junk];
    const body = '{"model":"m"}';
    const target = `/v1/messages?key=${wrong}`;
    const answer = await exchange(t, router.url, { method: 'POST', target, headers, body });
    assert.equal(answer.status, 200, answer.body.toString());
    const request = upstream.requests.at(-1)!;
    const seen = request.url + request.rawHeaders.join('\n');
    for (const secret of [wrong, token, '203.0.113']) assert.equal(seen.includes(secret), false, secret);
    assert.deepEqual(request.headers('host'), [new URL(upstream.url).host]);
    assert.deepEqual(request.headers('x-api-key'), [OPERATOR_KEY]);
    assert.deepEqual(request.headers('authorization'), []);
  }
});

test('C16 an upgrade is 400, an unknown expectation 417, and the connection is closed after the odd ones', async (t) => {
  const { upstream, router, token } = await bench(t);
  const socket = ['connection', 'Upgrade', 'upgrade', 'websocket', 'sec-websocket-version', '13'];
  const cases: [string[], number][] = [
    [[...socket, 'sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='], 400],
    [['connection', 'Upgrade, HTTP2-Settings', 'upgrade', 'h2c', 'http2-settings', 'AAMAAABkAAQAAP__'], 400],
    [['connection', 'upgrade', 'upgrade', 'TLS/1.0'], 400],
    [['upgrade', 'x'], 400],
    [['expect', 'zzz'], 417],
    [['expect', '100-continue, zzz'], 417],
    [['expect', '200-ok'], 417],
    [['expect', ''], 417],
  ];
  for (const [headers, status] of cases) {
    const answer = await exchange(t, router.url, messagesRequest(token, { headers }));
    assert.equal(answer.status, status, headers.join(' '));
    assert.equal(errorOf(answer.body).type, 'invalid_request_error');
    assert.equal(answer.head.header('x-should-retry'), 'false');
    if (status === 400) assert.equal(answer.head.header('connection'), 'close');
  }
  const h2 = await openRaw(t, router.url);
  await h2.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const said = await h2.head().then(
    ({ status }) => status,
    (error: unknown) => error instanceof CutError && 'closed',
  );
  assert.ok(said === 400 || said === 'closed', `${said}`);
  assert.equal(upstream.requests.length, 0);
});

test('C16 100-continue is said once, after the credential, the route and the size were found good', async (t) => {
  const { upstream, router, token } = await bench(t);
  const body = '{"model":"m"}';
  const head = (path: string, key: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  for (const [bytes, status] of [
    [head('/v1/messages', 'wrong', body.length), 401],
    [head('/v1/none', token, body.length), 404],
    [head('/v1/messages', token, 33_554_433), 413],
    [head('/v1/messages', token, body.length).replace('\r\n\r\n', '\r\nhost: y\r\n\r\n'), 400],
  ] as const) {
    const connection = await openRaw(t, router.url);
    await connection.send(bytes);
    assert.match(await firstLine(connection), new RegExp(`^HTTP/1.1 ${status} `));
  }
  const connection = await openRaw(t, router.url);
  await connection.send(head('/v1/messages', token, body.length));
  assert.equal(await firstLine(connection), 'HTTP/1.1 100 Continue');
  assert.equal(upstream.requests.length, 0);
  await connection.send(body);
  assert.equal((await upstream.request(0)).method, 'POST');
});

/** The status line as it came, an interim one too. */
async function firstLine(connection: RawConnection): Promise<string> {
  const [chunk] = (await once(connection.socket, 'data')) as [Buffer];
  return chunk.toString().split('\r\n')[0]!;
}
