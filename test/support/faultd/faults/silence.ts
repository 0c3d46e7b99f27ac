import { fault } from '../fault.ts';
import { book, eventsOf, planOf, sendEvents, streamText } from '../message.ts';

/** Answers that stop coming, or come too slowly. */
export const silenceFaults = {
  /** Takes the request and says nothing (U4). */
  hang: fault((call) => call.hang()),
  /** Head and `at` events (0), then nothing (U5). `partial=1`: and the start of the next event. */
  silent: fault(async (call) => {
    await call.streamHead();
    const events = [...eventsOf(call, planOf(call))];
    const at = call.number('at', 0);
    await sendEvents(call, events.slice(0, at));
    if (call.params.has('partial')) await call.body(events[at]!.slice(0, 20));
    await call.hang();
  }),
  /** The whole stream with its terminal event, then neither the last chunk nor the end of the connection (U9). */
  'no-last-chunk': fault(async (call) => {
    await call.streamHead();
    await sendEvents(call, eventsOf(call, planOf(call)));
    await call.hang();
  }),
  /** All at once but the last `slow` bytes (20), which come one every `every` milliseconds (1000) (U20). */
  drip: fault(async (call) => {
    await call.streamHead();
    const text = streamText(call);
    const bytes = Buffer.from(text);
    const start = bytes.length - call.number('slow', 20);
    await call.body(bytes.subarray(0, start));
    for (let i = start; i < bytes.length; i += 1) {
      await call.sleep(call.number('every', 1000));
      await call.body(bytes.subarray(i, i + 1));
    }
    for (const event of eventsOf(call, planOf(call))) book(call.entry, event);
    await call.end();
  }),
};
