import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { warningsOf } from '../../src/config/warnings.ts';
import { CliBed } from '../support/cli.ts';
import { messageJson } from '../support/messages.ts';
import { SMALL_BODY } from '../support/messages-client.ts';
import { type Cleanup, temporaryFolder } from '../support/temp.ts';

/** Of Debian. */
const OPENSSL = 'openssl';

/** A certificate that no authority has signed. */
async function certificate(t: Cleanup): Promise<{ key: Buffer; cert: Buffer; path: string }> {
  const folder = await temporaryFolder(t);
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const how =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  execFileSync(OPENSSL, ['req', ...how.split(' '), '-keyout', key, '-out', cert], { stdio: 'pipe' });
  return { key: readFileSync(key), cert: readFileSync(cert), path: cert };
}

/** An upstream over TLS that counts what it is asked. */
async function startTls(
  t: Cleanup,
  options: { key: Buffer; cert: Buffer; maxVersion?: 'TLSv1.1'; minVersion?: 'TLSv1'; ciphers?: string },
) {
  let requests = 0;
  const server = createServer(options, (req, res) => {
    requests += 1;
    req.resume();
    res.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, asked: () => requests };
}

async function statusThrough(
  t: Cleanup,
  url: string,
  env: Record<string, string>,
): Promise<{ status: number; stderr: string }> {
  const bed = await CliBed.open(t);
  const router = bed.start(['serve'], {
    ROUTER_PORT: '0',
    UPSTREAM_BASE_URL: url,
    ANTHROPIC_API_KEY: 'sk-ant-test-key',
    ...env,
  });
  const [, own = ''] = await router.line(/^Listening on (http:\S+)$/);
  const [, token = ''] = await router.line(/^Admin token .*: (la_sk_\S+)$/);
  const headers = { 'x-api-key': token };
  const { status } = await fetch(`${own}/v1/messages`, { method: 'POST', headers, body: SMALL_BODY });
  router.signal('SIGTERM');
  return { status, stderr: (await router.result).stderr };
}

test('S30 U3 certificates are checked also where NODE_TLS_REJECT_UNAUTHORIZED=0 says otherwise, and the start says so', async (t) => {
  const { key, cert, path } = await certificate(t);
  const upstream = await startTls(t, { key, cert });
  const off = await statusThrough(t, upstream.url, { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
  assert.equal(off.status, 502);
  assert.equal(upstream.asked(), 0, 'no credential went out');
  assert.match(off.stderr, /^warning: NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored/m);

  const trusted = await statusThrough(t, upstream.url, { NODE_EXTRA_CA_CERTS: path });
  assert.equal(trusted.status, 200, 'an authority of the operator is how to do it');
  assert.doesNotMatch(trusted.stderr, /REJECT_UNAUTHORIZED/);
});

test('S30 TLS below 1.2 is not spoken, also where Node is told to', async (t) => {
  const { key, cert, path } = await certificate(t);
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const upstream = await startTls(t, { key, cert, ...old });
  const env = { NODE_EXTRA_CA_CERTS: path, NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=DEFAULT@SECLEVEL=0' };
  assert.equal((await statusThrough(t, upstream.url, env)).status, 502);
  assert.equal(upstream.asked(), 0);
});

test('S30 the warning is for 0 alone', () => {
  const config = parseConfig({});
  const warns = (env: Record<string, string>) =>
    warningsOf(config, env).some((text) => text.includes('REJECT_UNAUTHORIZED'));
  assert.deepEqual([{}, { NODE_TLS_REJECT_UNAUTHORIZED: '1' }, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }].map(warns), [
    false,
    false,
    true,
  ]);
});
