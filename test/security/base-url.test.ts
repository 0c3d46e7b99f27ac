import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';

/**
 * The base URL is the operator's, and nobody else can set it. A self-hosted gateway may well stand before a private host, so
 * private addresses are good over https. What is refused is what would send a credential in the clear, or what does not say
 * plainly where it leads.
 */
const ACCEPTED: Readonly<Record<string, string>> = {
  'https://api.anthropic.com': 'https://api.anthropic.com',
  'https://api.anthropic.com/': 'https://api.anthropic.com',
  'https://API.Anthropic.COM': 'https://api.anthropic.com',
  'https://gateway.example/anthropic': 'https://gateway.example/anthropic',
  'https://gateway.example/a//': 'https://gateway.example/a',
  'https://gateway.example:8443': 'https://gateway.example:8443',
  'https://gateway.example:443/x': 'https://gateway.example/x',
  '  https://gateway.example  ': 'https://gateway.example',
  'https://10.0.0.7': 'https://10.0.0.7',
  'https://192.168.1.2:9000': 'https://192.168.1.2:9000',
  'https://100.64.0.1': 'https://100.64.0.1',
  'https://[fd00::1]': 'https://[fd00::1]',
  'https://models.internal': 'https://models.internal',
  'https://gateway.example/../x': 'https://gateway.example/x',
  'http://127.0.0.1:9000': 'http://127.0.0.1:9000',
  'http://127.9.9.9': 'http://127.9.9.9',
  'http://localhost:11434': 'http://localhost:11434',
  'http://LOCALHOST': 'http://localhost',
  'http://[::1]:9000': 'http://[::1]:9000',
  'http://127.0.0.1.': 'http://127.0.0.1',
  'http://127.1': 'http://127.0.0.1',
  'http://2130706433': 'http://127.0.0.1',
  'http://0x7f000001': 'http://127.0.0.1',
  'http://0177.0.0.1': 'http://127.0.0.1',
  'http://[0:0:0:0:0:0:0:1]': 'http://[::1]',
};

/** Refused always. */
const REFUSED = [
  ...['', 'x', 'api.anthropic.com', '//api.anthropic.com', '/v1', 'https://', 'https:///', 'https://?', 'https://#'],
  ...[
    'ftp://h.example',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/plain,x',
    'gopher://h.example',
    'ws://h.example',
  ],
  ...['https://user@h.example', 'https://user:pw@h.example', 'https://:pw@h.example', 'https:user:pw@h.example'],
  ...['https://h.example?x=1', 'https://h.example/#x', 'https://h.example/a?b#c', 'https://a@b@h.example'],
  ...['https://h.example:0x50', 'https://h.example:99999', 'https://h example', 'https://h%00.example', 'https://[::1'],
  ...['https://1.2.3.4.5', 'https://256.1.1.1', 'https://h.example\\@evil.example/?x', 'https://<h>'],
];

/** Refused unless plain http is asked for: not loopback, whatever it looks like. */
const CLEARTEXT = [
  ...['http://h.example', 'http://10.0.0.7', 'http://192.168.1.2', 'http://169.254.169.254', 'http://100.64.0.1'],
  ...[
    'http://0.0.0.0',
    'http://[::]',
    'http://[fd00::1]',
    'http://[fe80::1]',
    'http://[::ffff:127.0.0.1]',
    'http://[64:ff9b::7f00:1]',
  ],
  ...[
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://localhost.',
    'http://metadata.google.internal',
  ],
  ...['http://1270.0.0.1.example', 'http://notlocalhost', 'http://128.0.0.1', 'http://0'],
];

const load = (upstreamBaseUrl: string, allowInsecureUpstream = false) =>
  parseConfig({ upstreamBaseUrl, allowInsecureUpstream }).upstreamBaseUrl;

for (const [given, read] of Object.entries(ACCEPTED)) {
  test(`S18 accepted: ${JSON.stringify(given)}`, () => assert.equal(load(given), read));
}

for (const url of REFUSED) {
  test(`S18 refused: ${JSON.stringify(url)}`, () => {
    for (const insecure of [false, true]) assert.throws(() => load(url, insecure), { name: 'ConfigError' });
  });
}

for (const url of CLEARTEXT) {
  test(`S18 refused without --allow-insecure-upstream: ${JSON.stringify(url)}`, () => {
    assert.throws(() => load(url), { name: 'ConfigError', message: /allow-insecure-upstream/ });
    assert.match(load(url, true), /^http:/);
  });
}

test('S18 the vectors are at least 60', () => {
  assert.ok(Object.keys(ACCEPTED).length + REFUSED.length + CLEARTEXT.length >= 60);
});
