import type { RawRequest } from './client.ts';

/** A small request of the Messages API. */
export const SMALL_BODY = JSON.stringify({
  model: 'claude-opus-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'hi' }],
});

export const STREAM_BODY = JSON.stringify({ ...JSON.parse(SMALL_BODY), stream: true });

/** A request as an Anthropic client sends it. */
export function messagesRequest(token: string, overrides: Partial<RawRequest> = {}): RawRequest {
  return {
    method: 'POST',
    target: '/v1/messages',
    body: SMALL_BODY,
    ...overrides,
    headers: [
      ...['authorization', `Bearer ${token}`, 'content-type', 'application/json', 'anthropic-version', '2023-06-01'],
      ...(overrides.headers ?? []),
    ],
  };
}

/** The `error` member of an Anthropic error body. */
export function errorOf(body: Buffer): { type: string; message: string } {
  const { type, error } = JSON.parse(body.toString()) as { type: string; error: { type: string; message: string } };
  if (type !== 'error') throw new Error(`not an error body: ${body.toString()}`);
  return error;
}
