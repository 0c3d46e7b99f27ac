import { fault } from '../fault.ts';
import { bookJson, jsonText, planOf } from '../message.ts';

/** Answers that are odd in their head. */
export const headerFaults = {
  /** `count` (10 000) headers of `bytes` (1) each (U16). */
  'many-headers': fault(async (call) => {
    const bytes = call.number('bytes', 1);
    const lines = `x-a: ${'v'.repeat(bytes)}\r\n`.repeat(call.number('count', 10_000));
    await call.raw(`HTTP/1.1 200 OK\r\n${lines}content-length: 2\r\n\r\n{}`);
  }),
  /** What must not go on to a client (U24), the credential of the request among it. */
  'private-headers': fault(async (call) => {
    const credential = call.entry.credential ?? '';
    const plan = planOf(call);
    await call.answer(200, 'application/json', jsonText(call, plan), [
      ...['set-cookie', 'session=1; Path=/', 'set-cookie', 'other=2', 'www-authenticate', 'Bearer realm="x"'],
      ...['connection', 'x-foo, keep-alive', 'x-foo', 'of this connection', 'keep-alive', 'timeout=60'],
      ...['anthropic-organization-id', 'org-of-the-operator', 'anthropic-ratelimit-requests-remaining', '7'],
      ...['x-api-key', credential, 'authorization', `Bearer ${credential}`, 'proxy-authenticate', 'Basic'],
      ...['x-debug', `key=${credential}`, 'x-kept', 'yes'],
    ]);
    bookJson(call.entry, plan);
  }),
};
