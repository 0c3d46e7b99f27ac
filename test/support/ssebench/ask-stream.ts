import { connect } from 'node:net';
import { micros } from './event.ts';
import { StreamReader } from './stream-reader.ts';
import { requestBody, type Wish } from './wish.ts';

export interface Target {
  /** The Messages endpoint. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What came of one stream. */
export interface StreamOutcome {
  readonly reader: StreamReader;
  /** `shed` (503 with `retry-after`), another status, or the code of a socket error. `undefined`: a stream came. */
  readonly failure: string | undefined;
  /** Microseconds from the connection attempt to the head of the answer; `undefined` when none came. */
  readonly headAfter: number | undefined;
}

export interface StreamWatch {
  /** Called with the microseconds that an event took from the upstream's write to this read. */
  onAdded(micros: number): void;
  /** Leave after so many counted events. */
  readonly leaveAfter?: number | undefined;
  /** Called with a function that leaves, when the answer has begun. */
  onBegun?(leave: () => void): void;
}

const HEAD_END = '\r\n\r\n';

/** Opens one stream on a connection of its own, and reads it to its end. Never rejects. */
export function askStream({ url, headers }: Target, wish: Wish, watch: StreamWatch): Promise<StreamOutcome> {
  const { hostname, port, pathname, host } = new URL(url);
  const body = requestBody(wish);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const opened = micros();
  let head = '';
  let headAfter: number | undefined;
  let failure: string | undefined;
  const reader = new StreamReader(wish.stream, (sentAt) => watch.onAdded(micros() - sentAt));
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.write(
      `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A stream that was begun is judged by what came of it.
      if (headAfter === undefined) failure ??= error.code ?? error.message;
    });
    socket.on('data', (bytes: Buffer) => {
      if (headAfter !== undefined) reader.push(bytes);
      else {
        head += bytes.toString('latin1');
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        headAfter = micros() - opened;
        const status = head.slice(9, 12);
        if (status !== '200') {
          failure = status === '503' && /\r\nretry-after: [1-9]/i.test(head) ? 'shed' : `status ${status}`;
          socket.destroy();
          return;
        }
        watch.onBegun?.(() => socket.destroy());
        reader.push(bytes.subarray(bytes.length - (head.length - end - HEAD_END.length)));
      }
      if (reader.closed || (watch.leaveAfter !== undefined && reader.events >= watch.leaveAfter)) socket.destroy();
    });
    socket.on('close', () => resolve({ reader, failure, headAfter }));
  });
}
