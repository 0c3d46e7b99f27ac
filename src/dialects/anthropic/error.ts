import type { ErrorDialect } from '../error.ts';
import { errorEvent } from './stream.ts';

/** Anthropic's error shape: https://docs.claude.com/en/api/errors */
export const anthropicErrors: ErrorDialect = {
  body: (error, requestId) =>
    JSON.stringify({
      type: 'error',
      error: { type: error.kind.anthropicType, message: error.message },
      request_id: requestId,
    }),
  event: (error, requestId) => errorEvent(anthropicErrors.body(error, requestId)),
};
