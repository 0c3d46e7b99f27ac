import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { exchange, openRaw } from '../support/client.ts';
import { messageJson } from '../support/messages.ts';
import { messagesRequest, SMALL_BODY } from '../support/messages-client.ts';
import { ADMIN_KEY, startTestRouter } from '../support/router.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startUpstream } from '../support/upstream.ts';

/** What could end a header early, or start another one. */
const BREAKS = ['\r\nx-evil: 1', '\nx-evil: 1', '\rx-evil: 1', '\0', '\r\n\r\nGET / HTTP/1.1\r\n\r\n'];

test('S20 C13 no CR, LF or NUL of a client gets into a request that goes upstream', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const text of BREAKS) {
    for (const [target, header] of [
      ['/v1/messages', `x-mine: a${text}`],
      ['/v1/messages', `x-mi${text}ne: a`],
      [`/v1/messages?a=${text}`, 'x-mine: a'],
    ]) {
      const connection = await openRaw(t, router.url);
      await connection.send(
        `POST ${target} HTTP/1.1\r\nhost: x\r\nx-api-key: ${token}\r\n${header}\r\ncontent-length: ${SMALL_BODY.length}\r\n\r\n${SMALL_BODY}`,
      );
      await connection.answer();
      connection.destroy();
    }
  }
  // A line end makes two well-formed headers of one: that is what the client sent. None may hold one.
  for (const request of upstream.requests) {
    assert.doesNotMatch(request.url + request.rawHeaders.join(''), /[\r\n\0]/);
    assert.equal(request.body.toString(), SMALL_BODY);
    assert.deepEqual([request.method, request.url.split('?')[0]], ['POST', '/v1/messages']);
  }
});

test('S20 escaped line ends in a query, a model or a label stay escaped', async (t) => {
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  const target = '/v1/messages?a=%0d%0ax-evil:%201&b=%00';
  const body = JSON.stringify({ model: 'm\r\nx-evil: 1\0\u2028\x1b[2J', messages: [] });
  assert.equal((await exchange(t, router.url, messagesRequest(token, { target, body }))).status, 200);
  assert.equal(upstream.requests[0]!.url, target);
  assert.equal(upstream.requests[0]!.header('x-evil'), undefined);
  for (const line of router.logs)
    assert.ok(
      !['\r', '\n', '\0', '\x1b'].some((byte) => line.slice(0, -1).includes(byte)),
      'one line of JSON per event',
    );
  for (const label of [...BREAKS, '\u2028', '\x1b[2J', '<script>']) {
    const answer = await exchange(t, router.url, {
      method: 'POST',
      target: '/api/tokens',
      headers: ['authorization', `Bearer ${ADMIN_KEY}`],
      body: JSON.stringify({ label }),
    });
    assert.equal(answer.status, 400, JSON.stringify(label));
  }
});

test('S20 U18 line ends and NULs in an answer of an upstream never make a header for the client', async (t) => {
  const upstream = await startUpstream(t, () => {});
  const router = await startTestRouter(t, { upstreamBaseUrl: upstream.url });
  const token = await router.issue();
  for (const value of ['a\rx-evil: 1', 'a\0b', 'a\n x-evil: 1', 'a\r\n x-evil: 1']) {
    upstream.script = async (_, reply) => {
      await reply.raw(`HTTP/1.1 200 OK\r\nrequest-id: ${value}\r\nx-mine: ${value}\r\ncontent-length: 2\r\n\r\n{}`);
      reply.rawEnd();
    };
    const { status, head } = await exchange(t, router.url, messagesRequest(token));
    assert.equal(head.header('x-evil'), undefined);
    assert.equal(status, 502, JSON.stringify(value));
    assert.doesNotMatch(head.rawHeaders.join(''), /[\r\n\0]/);
  }
});

test('S20 a credential that would break a header is refused where it comes from', async (t) => {
  for (const setting of ['anthropicApiKey', 'claudeCodeOauthToken', 'adminKey'] as const) {
    for (const text of [...BREAKS, 'é']) {
      assert.throws(() => parseConfig({ [setting]: `a${text}b` }), { name: 'ConfigError' }, setting);
    }
  }
  const home = await temporaryFolder(t);
  const accessToken = `a${BREAKS[0]}`;
  writeFileSync(join(home, '.credentials.json'), JSON.stringify({ claudeAiOauth: { accessToken } }));
  const upstream = await startUpstream(t, (_, reply) => reply.json(200, messageJson()));
  const overrides = { upstreamBaseUrl: upstream.url, claudeCodeHome: home, anthropicApiKey: undefined };
  const router = await startTestRouter(t, overrides);
  assert.equal((await exchange(t, router.url, messagesRequest(await router.issue()))).status, 503);
  assert.equal(upstream.requests.length, 0);
});
