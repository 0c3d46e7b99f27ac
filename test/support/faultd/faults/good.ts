import { fault } from '../fault.ts';
import { bookJson, eventsOf, jsonText, planOf, sendEvents, streamText } from '../message.ts';

/** Answers without a fault. See `message.ts` for what they consist of. */
export const goodAnswers = {
  /** A stream. `every`: milliseconds between events (0). */
  good: fault(async (call) => {
    await call.streamHead();
    await sendEvents(call, eventsOf(call, planOf(call)), { every: call.number('every', 0) });
    await call.end();
  }),
  /** A stream in writes of `size` bytes (1), each a chunk of its own, `every` milliseconds apart. */
  slices: fault(async (call) => {
    await call.streamHead();
    const size = call.number('size', 1);
    const bytes = Buffer.from(streamText(call));
    for (let at = 0; at < bytes.length; at += size) {
      if (at > 0 && call.params.has('every')) await call.sleep(call.number('every', 0));
      await call.body(bytes.subarray(at, at + size));
    }
    bookJson(call.entry, planOf(call));
    await call.end();
  }),
  /** JSON that is not streamed. `delay`: milliseconds before it. */
  json: fault(async (call) => {
    if (call.params.has('delay')) await call.sleep(call.number('delay', 0));
    const plan = planOf(call);
    await call.answer(200, 'application/json', jsonText(call, plan));
    bookJson(call.entry, plan);
  }),
  /** A stream that ends with the connection. */
  'until-close': fault(async (call) => {
    await call.streamHead('close');
    await sendEvents(call, eventsOf(call, planOf(call)), { every: call.number('every', 0) });
    call.cut();
  }),
};
