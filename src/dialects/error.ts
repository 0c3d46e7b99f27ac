import type { RouterError } from '../errors.ts';

/** How one dialect says an error. */
export interface ErrorDialect {
  /** The body of an HTTP answer with that error. */
  body(error: RouterError, requestId: string): string;
  /** The bytes that tell it inside a stream that has begun. */
  event(error: RouterError, requestId: string): string;
}
