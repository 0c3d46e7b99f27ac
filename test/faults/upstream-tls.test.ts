import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer, setDefaultCACertificates } from 'node:tls';
import { exchange } from '../support/client.ts';
import { FairClock } from '../support/faultd-clock.ts';
import { errorOf, messagesRequest } from '../support/messages-client.ts';
import { messageJson } from '../support/messages.ts';
import { OPERATOR_KEY, startTestRouter } from '../support/router.ts';
import type { Cleanup } from '../support/temp.ts';
import { type Certificate, makeCertificates } from '../support/tls.ts';

const CONNECT_MS = 1_500;
/** First byte of a TLS record with a handshake in it. */
const HANDSHAKE = 0x16;

/** A TCP server, and everything that was sent to it in clear. */
async function listenRaw(t: Cleanup, serve: (socket: Socket) => void) {
  const seen: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const bytes: Buffer[] = [];
    sockets.add(socket);
    socket.on('error', () => {}).on('data', (chunk: Buffer) => void bytes.push(chunk));
    socket.once('close', () => seen.push(Buffer.concat(bytes)));
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, connections: () => sockets.size };
}

/** An HTTPS upstream that counts its requests, behind a tap. */
async function listenTls(t: Cleanup, certificate: Certificate) {
  const body = messageJson();
  let requests = 0;
  const server = createTlsServer({ key: certificate.key, cert: certificate.cert }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      requests += 1;
      socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => {});
  await once(server, 'listening');
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const tap = await listenRaw(t, (socket) => {
    const inner = connect(port, '127.0.0.1').on('error', () => {});
    socket.pipe(inner).pipe(socket);
    socket.once('close', () => inner.destroy());
  });
  return { ...tap, requests: () => requests };
}

test('U3 a certificate that is not good, or a handshake that fails, is 502; nothing is ever sent in clear', async (t) => {
  const certificates = await makeCertificates(t);
  setDefaultCACertificates([certificates.ca]);
  const clock = new FairClock(t);
  const ask = async (port: number) => {
    const router = await startTestRouter(t, {
      upstreamBaseUrl: `https://localhost:${port}`,
      connectTimeoutMs: CONNECT_MS,
    });
    const token = await router.issue();
    const started = clock.now();
    const answers = await Promise.all(Array.from({ length: 8 }, () => exchange(t, router.url, messagesRequest(token))));
    const took = clock.now() - started;
    await router.close();
    return { answers, took, log: router.logs.join('') };
  };

  const good = await listenTls(t, certificates.good);
  for (const answer of (await ask(good.port)).answers) assert.equal(answer.status, 200, 'the authority is known');
  assert.equal(good.requests(), 8);

  for (const [kind, cause] of [
    ['expired', 'CERT_HAS_EXPIRED'],
    ['foreign', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ] as const) {
    const bad = await listenTls(t, certificates[kind]);
    const { answers, took, log } = await ask(bad.port);
    for (const { status, body } of answers) {
      const { type, message } = errorOf(body);
      assert.deepEqual([status, type], [502, 'api_error']);
      assert.match(message, /^The upstream (?:cannot be reached|could not be reached within \d+ ms)\.$/);
    }
    assert.equal(bad.requests(), 0, kind);
    assert.ok(took < CONNECT_MS + 1_000);
    assert.ok(log.includes(cause), `${kind}: the operator can read why: ${log}`);
    assert.ok(bad.connections() <= 8 * 3);
    assertOnlyTls(bad.seen);
  }

  const hung = await listenRaw(t, () => {});
  const reset = await listenRaw(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const closed = await listenRaw(t, (socket) => socket.once('data', () => socket.destroy()));
  const clear = await listenRaw(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'));
  for (const upstream of [hung, reset, closed, clear]) {
    const { answers, took } = await ask(upstream.port);
    for (const { status, body } of answers) assert.deepEqual([status, errorOf(body).type], [502, 'api_error']);
    assert.ok(took < CONNECT_MS + 1_000, `${took} ms`);
    assert.ok(upstream.connections() >= 8);
    assertOnlyTls(upstream.seen);
  }
});

function assertOnlyTls(seen: readonly Buffer[]): void {
  for (const bytes of seen) {
    if (bytes.length === 0) continue;
    assert.equal(bytes[0], HANDSHAKE);
    assert.equal(bytes.includes(OPERATOR_KEY), false);
    assert.equal(bytes.includes('HTTP/1.1'), false);
  }
}
