import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, openRaw } from '../support/client.ts';
import { startTestRouter } from '../support/router.ts';
import { startUpstream } from '../support/upstream.ts';

test('S34 health and errors reveal neither version, nor product, nor account, nor folder', async (t) => {
  const router = await startTestRouter(t, { upstreamProvider: 'simulator' });
  for (const target of ['/health', '/livez', '/readyz', '/', '/nothing', '/v1/messages', '/metrics?x']) {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { head, body, status } = await exchange(t, router.url, {
        method,
        target,
        headers: ['x-forwarded-for', '203.0.113.7'],
      });
      const text = head.rawHeaders.join('\n') + body.toString();
      assert.doesNotMatch(
        text,
        /node|undici|link-assistant|\d+\.\d+\.\d+|simulator|\/tmp|\/root|\/home/i,
        `${method} ${target}`,
      );
      assert.equal(head.header('server') ?? head.header('x-powered-by'), undefined);
      if (status === 200) assert.match(body.toString(), /^(?:ok)?$/);
    }
  }
});

test('S34 C9 TRACE, CONNECT, upgrades and methods that nobody knows get no tunnel, no echo and no answer but a refusal', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, '{}'));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  for (const line of [
    ...['TRACE / HTTP/1.1', 'TRACE /v1/messages HTTP/1.1', 'BREW /v1/messages HTTP/1.1', 'get /health HTTP/1.1'],
    ...['OPTIONS * HTTP/1.1', 'PROPFIND / HTTP/1.1', 'PURGE / HTTP/1.1', 'DELETE /health HTTP/1.1', 'PRI * HTTP/2.0'],
    ...['CONNECT evil.example:443 HTTP/1.1', 'CONNECT /v1/messages HTTP/1.1'],
  ]) {
    const connection = await openRaw(t, router.url);
    await connection.send(`${line}\r\nhost: x\r\nx-secret: canary\r\n\r\n`);
    const answer = await connection.answer().catch(() => undefined);
    // A connection that is closed without a word is a refusal too.
    if (answer) {
      assert.ok([400, 404, 405, 501].includes(answer.status), `${line}: ${answer.status}`);
      assert.doesNotMatch(answer.body.toString(), /canary/);
    }
    connection.destroy();
  }
  const upgrade = ['connection', 'upgrade', 'upgrade', 'websocket', 'sec-websocket-key', 'AAAAAAAAAAAAAAAAAAAAAA=='];
  const { status } = await exchange(t, router.url, { target: '/v1/messages', headers: upgrade });
  assert.ok(status >= 400 && status < 500, `upgrade: ${status}`);
  assert.equal(upstream.requests.length, 0);
});
