import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandBooleans } from './settings.ts';

test('a switch with a word becomes a switch without one', () => {
  assert.deepEqual(expandBooleans(['serve', '--verbose=YES', '--fix-perms=0', '--disable-metrics=']), [
    'serve',
    '--verbose',
    '--no-fix-perms',
    '--no-disable-metrics',
  ]);
});

test('nothing else is touched: other flags, plain switches, what stands behind --', () => {
  const argv = ['--port=1', '--verbose', '--no-verbose', '--label=--verbose=1', '--', '--verbose=1'];
  assert.deepEqual(expandBooleans(argv), argv);
});

test('another word is refused', () => {
  assert.throws(() => expandBooleans(['--verbose=perhaps']), { name: 'ConfigError', message: /--verbose \(VERBOSE\)/ });
});
