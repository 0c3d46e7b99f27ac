import { connect } from 'node:net';
import { Stopwatch, type Times } from './figures.ts';

export interface BodiesPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Requests at once. */
  readonly count: number;
  /** Bytes of each body. */
  readonly bytes: number;
}

export interface BodyFigures {
  /** 200. */
  readonly taken: number;
  /** 503 with `retry-after`. */
  readonly shed: number;
  readonly wrong: Readonly<Record<string, number>>;
  /** From the connection attempt to the refusal. */
  readonly refusal: Times;
}

/** Sends large bodies all at once, each on a connection of its own, and waits for the heads of the answers. */
export async function runBodies(plan: BodiesPlan): Promise<BodyFigures> {
  const body = largeBody(plan.bytes);
  const refusal = new Stopwatch();
  const wrong: Record<string, number> = {};
  let taken = 0;
  let shed = 0;
  await Promise.all(
    Array.from({ length: plan.count }, async () => {
      const began = performance.now();
      const outcome = await send(plan, body);
      if (outcome === '200') taken += 1;
      else if (outcome === 'shed') {
        shed += 1;
        refusal.record((performance.now() - began) * 1000);
      } else wrong[outcome] = (wrong[outcome] ?? 0) + 1;
    }),
  );
  return { taken, shed, wrong, refusal: refusal.times() };
}

/** A valid request of exactly this many bytes. */
function largeBody(bytes: number): Buffer {
  const head = '{"model":"claude-sonnet-4-5","max_tokens":1,"messages":[{"role":"user","content":"';
  const tail = '"}]}';
  const line = 'Lorem ipsum dolor sit amet, \\"consetetur\\" sadipscing elitr.\\n';
  const room = bytes - head.length - tail.length;
  return Buffer.from(head + line.repeat(Math.floor(room / line.length)).padEnd(room, '.') + tail);
}

function send(plan: BodiesPlan, body: Buffer): Promise<string> {
  const { hostname, port, pathname, host } = new URL(plan.url);
  const lines = Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    let head = '';
    let failure = 'closed';
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(
      `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message;
    });
    socket.on('data', (bytes: Buffer) => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const status = head.slice(9, 12);
      failure = status === '503' && /\r\nretry-after: [1-9]/i.test(head) ? 'shed' : status;
      socket.destroy();
    });
    socket.on('close', () => resolve(failure));
  });
}
