import type { ErrorDialect } from '../error.ts';

/** OpenAI's error shape: https://platform.openai.com/docs/guides/error-codes */
export const openaiErrors: ErrorDialect = {
  body: (error) =>
    JSON.stringify({
      error: { message: error.message, type: error.kind.openaiType, param: null, code: error.kind.openaiCode },
    }),
  event: (error, requestId) => `data: ${openaiErrors.body(error, requestId)}\n\n`,
};
