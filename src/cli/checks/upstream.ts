import { request } from 'undici';
import type { Config } from '../../config/schema.ts';
import { messageOf } from '../../errors.ts';
import { broken, type Finding, ok } from './finding.ts';

/** Milliseconds. */
const TIMEOUT_MS = 3_000;

/** Somebody answers at the upstream's address, whatever it says. No credential is sent. */
export async function checkUpstream({ upstreamProvider, upstreamBaseUrl }: Config): Promise<Finding> {
  if (upstreamProvider === 'simulator') return ok('upstream', 'the built-in simulator');
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { statusCode, body } = await request(upstreamBaseUrl, { method: 'HEAD', signal });
    await body.dump();
    return ok('upstream', `${upstreamBaseUrl} answers (status ${statusCode})`);
  } catch (error) {
    return broken(
      'upstream',
      `${upstreamBaseUrl} does not answer: ${reasonOf(error)}`,
      'check UPSTREAM_BASE_URL, the network, and what stands between',
    );
  }
}

/** A host name with several addresses fails with an error per address, and no message of its own. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof AggregateError ? error.errors[0] : error);
}
