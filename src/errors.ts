/**
 * Every error that the router itself answers with. A handler throws a `RouterError`; the dialect of the caller renders it.
 * Nothing else builds an error body.
 */

/** What a row of the table says about one error. */
export interface ErrorKind {
  /** HTTP status of the answer. */
  readonly status: number;
  /** `error.type` in the Anthropic dialect (https://docs.claude.com/en/api/errors). */
  readonly anthropicType: string;
  /** `error.type` in the OpenAI dialects. */
  readonly openaiType: string;
  /** `error.code` in the OpenAI dialects: what their clients act on. */
  readonly openaiCode: string | null;
  /** `false` adds `x-should-retry: false`: asking again cannot help (the SDKs and Claude Code obey it). */
  readonly retry: boolean;
}

const kind = (
  status: number,
  anthropicType: string,
  openaiType: string,
  openaiCode: string | null,
  retry: boolean,
): ErrorKind => ({ status, anthropicType, openaiType, openaiCode, retry });

const badRequest = (status: number, openaiCode: string | null) =>
  kind(status, 'invalid_request_error', 'invalid_request_error', openaiCode, false);

export const ERRORS = {
  token_missing: kind(401, 'authentication_error', 'invalid_request_error', 'invalid_api_key', false),
  token_refused: kind(401, 'authentication_error', 'invalid_request_error', 'invalid_api_key', false),
  token_revoked: kind(403, 'authentication_error', 'invalid_request_error', 'invalid_api_key', false),
  admin_required: kind(401, 'authentication_error', 'invalid_request_error', 'invalid_api_key', false),
  too_many_failures: kind(429, 'rate_limit_error', 'rate_limit_error', 'rate_limit_exceeded', false),
  admin_forbidden: kind(403, 'permission_error', 'invalid_request_error', 'insufficient_permissions', false),

  not_found: kind(404, 'not_found_error', 'invalid_request_error', 'not_found', false),
  method_not_allowed: kind(405, 'invalid_request_error', 'invalid_request_error', 'method_not_allowed', false),
  invalid_request: badRequest(400, null),
  invalid_json: badRequest(400, 'invalid_json'),
  json_too_complex: badRequest(400, 'json_too_complex'),
  model_missing: badRequest(400, 'missing_required_parameter'),
  body_too_large: kind(413, 'request_too_large', 'invalid_request_error', 'request_too_large', false),
  body_encoding_unsupported: badRequest(415, 'unsupported_content_encoding'),
  body_timeout: kind(408, 'timeout_error', 'invalid_request_error', 'request_timeout', true),
  url_too_long: badRequest(414, 'url_too_long'),
  headers_too_large: badRequest(431, 'headers_too_large'),
  expectation_failed: badRequest(417, 'expectation_failed'),

  account_missing: kind(503, 'api_error', 'server_error', 'no_upstream_account', false),
  account_unavailable: kind(503, 'api_error', 'server_error', 'account_unavailable', true),
  credential_refused: kind(503, 'api_error', 'server_error', 'upstream_credential_refused', false),
  upstream_unreachable: kind(502, 'api_error', 'server_error', 'upstream_unreachable', true),
  upstream_invalid: kind(502, 'api_error', 'server_error', 'upstream_invalid_answer', true),
  upstream_cut: kind(502, 'api_error', 'server_error', 'upstream_cut', true),
  upstream_timeout: kind(504, 'timeout_error', 'server_error', 'upstream_timeout', true),

  overloaded: kind(503, 'overloaded_error', 'server_error', 'overloaded', true),
  shutting_down: kind(503, 'overloaded_error', 'server_error', 'shutting_down', true),
  too_many_connections: kind(503, 'overloaded_error', 'server_error', 'too_many_connections', true),
  store_unavailable: kind(503, 'api_error', 'server_error', 'store_unavailable', true),
  internal: kind(500, 'api_error', 'server_error', 'internal_error', true),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a row in the table. `message` goes to the client as it is, so it never holds a secret or an internal detail. */
export class RouterError extends Error {
  readonly code: ErrorCode;
  /** Seconds for `retry-after`; never 0 (CL9). */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; retryAfter?: number }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'RouterError';
    this.code = code;
    this.retryAfter = options?.retryAfter;
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }
}

/** Exit code for a data folder that must not be used: `EX_CONFIG` of sysexits.h. */
export const EXIT_CONFIG = 78;

/** A wrong setting or argument: one line for the operator, exit code 2. */
export class ConfigError extends Error {
  readonly exitCode: number;

  /** `exitCode`: 2 for a wrong value, or `EXIT_CONFIG`. */
  constructor(message: string, exitCode = 2) {
    super(message);
    this.name = 'ConfigError';
    this.exitCode = exitCode;
  }
}

/** The message of an unknown thrown value, for logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
