import assert from 'node:assert/strict';
import { OPERATOR_KEY } from '../support/router.ts';
import type { RecordedRequest } from '../support/upstream.ts';

/** Checks that a request shows the operator's key, and that nothing in it is one of the client's secrets. */
export function assertOperatorOnly(request: RecordedRequest, clientSecrets: readonly string[]): void {
  assert.deepEqual(request.headers('x-api-key'), [OPERATOR_KEY]);
  assert.deepEqual(request.headers('authorization'), []);
  const whole = [request.url, ...request.rawHeaders, request.body.toString()].join('\n');
  for (const secret of clientSecrets) assert.ok(!whole.includes(secret), 'a secret of the client went upstream');
}
