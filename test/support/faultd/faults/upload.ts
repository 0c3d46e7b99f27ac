import { earlyFault } from '../fault.ts';
import { bookJson, errorText, jsonText, planOf } from '../message.ts';

/** Upstreams that do not take the request as it comes (U23). */
export const uploadFaults = {
  /**
   * Answers 413 with the head of the request, while the body is on its way. `then`: `close` (default: FIN, and no more reading),
   * `drain` (reads the body away, keeps the connection) or `stall` (neither reads nor closes).
   */
  'early-413': earlyFault(async (call) => {
    const then = call.params.get('then') ?? 'close';
    if (then !== 'drain') call.socket.pause();
    const last = then === 'drain' ? [] : ['connection', 'close'];
    await call.answer(413, 'application/json', errorText('request_too_large', 'too large'), last);
    if (then === 'close') call.socket.end();
    if (then === 'stall') await call.hang();
  }),
  /** Reads `rate` bytes (1024) of the body each second, for `seconds` (3600), then the rest at once, and answers. */
  'slow-read': earlyFault(async (call) => {
    const { socket } = call;
    socket.pause();
    for (let i = 0; i < call.number('seconds', 3_600) * 10 && !call.entry.received; i += 1) {
      await call.sleep(100);
      // What is read is also emitted as `data`.
      socket.read(Math.ceil(call.number('rate', 1_024) / 10));
    }
    socket.resume();
    await call.receive();
    await call.answer(200, 'application/json', jsonText(call, planOf(call)));
    bookJson(call.entry, planOf(call));
  }),
};
