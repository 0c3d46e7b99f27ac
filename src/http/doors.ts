import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, createServer, type ListenOptions, type Server as Door } from 'node:net';

/**
 * Listening sockets on one port. libuv takes one connection per socket and turn of the event loop
 * (https://github.com/libuv/libuv/pull/3696), so with one socket a busy router lets clients wait at the door for seconds: it can
 * neither serve them nor tell them to come back later.
 */
const DOORS = 16;
/** Connections that wait at each door. The kernel drops more, and a client asks again only a second later. */
const BACKLOG = 1024;

/** Lets an HTTP server listen. `port` 0 takes a free one. Rejects when the address cannot be had. */
export async function openDoors(server: Server, host: string, port: number): Promise<Doors> {
  // Sockets that share a port do not see that another process shares it too: one that does not share finds out.
  const probe = createServer();
  const at = await listen(probe, { host, port });
  const { address, port: bound } = at;
  const closed = once(probe, 'close');
  probe.close();
  await closed;

  const options = { host: address, port: bound, backlog: BACKLOG };
  const doors: Door[] = [server];
  try {
    await listen(server, { ...options, reusePort: true });
    while (doors.length < DOORS) {
      const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
      await listen(door, { ...options, reusePort: true });
      doors.push(door);
    }
  } catch (error) {
    // Not every system can share a port. One door is enough to work.
    if (server.listening || !isUnsupported(error)) {
      for (const door of doors) door.close();
      throw error;
    }
    await listen(server, options);
  }
  return new Doors(doors, bound);
}

/** The listening sockets of a server. */
export class Doors {
  readonly port: number;
  readonly #doors: readonly Door[];
  readonly #gone: Promise<unknown>;

  constructor(doors: readonly Door[], port: number) {
    this.#doors = doors;
    this.port = port;
    this.#gone = Promise.all(doors.map((door) => new Promise<void>((resolve) => door.once('close', resolve))));
  }

  /** Takes no more connections. Resolves when all are gone. */
  async close(): Promise<void> {
    for (const door of this.#doors) if (door.listening) door.close();
    await this.#gone;
  }
}

async function listen(door: Door, options: ListenOptions): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    door.once('error', reject);
    door.listen(options, () => {
      door.off('error', reject);
      resolve();
    });
  });
  return door.address() as AddressInfo;
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTSUP' || error.code === 'EINVAL');
}
