/** `error.type` by status: https://docs.claude.com/en/api/errors */
const TYPES = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'api_error',
  529: 'overloaded_error',
} as const;

export type ErrorStatus = keyof typeof TYPES;

/** Seconds; short, so that a client that waits as told goes on soon. */
const RETRY_AFTER = 1;

/**
 * An error of the imitated vendor. It is no `RouterError`: to the router, an answer of the simulator is an upstream's, and
 * only passes through.
 */
export class ApiError extends Error {
  readonly status: ErrorStatus;

  constructor(status: ErrorStatus, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }

  /** Value of `retry-after`, where the status has one. */
  get retryAfter(): number | undefined {
    return this.status === 429 || this.status === 529 ? RETRY_AFTER : undefined;
  }

  body(requestId: string): object {
    return { type: 'error', error: { type: TYPES[this.status], message: this.message }, request_id: requestId };
  }
}

export function isErrorStatus(status: number): status is ErrorStatus {
  return Object.hasOwn(TYPES, status);
}
