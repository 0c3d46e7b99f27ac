import { fault } from '../fault.ts';
import { book, errorText, event, eventsOf, planOf, sendEvents } from '../message.ts';

const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** Whole answers that say no. */
export const statusFaults = {
  /** `status` (500) with an error of the dialect. Each `retry-after` parameter is a header. `html=1`: a page of some proxy. */
  status: fault(async (call) => {
    const status = call.number('status', 500);
    const headers = call.params.getAll('retry-after').flatMap((value) => ['retry-after', value]);
    if (call.params.has('reset')) headers.push('anthropic-ratelimit-requests-reset', call.params.get('reset')!);
    if (call.params.has('html')) return call.answer(status, 'text/html', '<html>no</html>', headers);
    await call.answer(status, 'application/json', errorText(TYPES[status] ?? 'api_error', `status ${status}`), headers);
  }),
  /** An error event inside a 200 after `at` events (0), of `type` (overloaded_error) (U12). */
  'error-event': fault(async (call) => {
    await call.streamHead();
    await sendEvents(call, [...eventsOf(call, planOf(call))].slice(0, call.number('at', 0)));
    const type = call.params.get('type') ?? 'overloaded_error';
    const last = event('error', { error: { type, message: 'in the middle' } });
    await call.body(last);
    book(call.entry, last);
    await call.end();
  }),
  /** A redirect to `to` (U21). */
  redirect: fault(async (call) => {
    const to = call.params.get('to') ?? 'http://169.254.169.254/latest/meta-data/';
    await call.answer(call.number('status', 302), 'text/plain', '', ['location', to]);
  }),
  /** A 200 that is no answer of the Messages API: `type` (text/html) and `text`. */
  foreign: fault(async (call) => {
    await call.answer(
      200,
      call.params.get('type') ?? 'text/html',
      call.params.get('text') ?? '<html>please sign in</html>',
    );
  }),
};
