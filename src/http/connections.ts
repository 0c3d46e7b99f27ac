import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on one connection for their turn. The connection is closed after the last of them. */
const MAX_WAITING = 100;
/** Connections above the cap that may be open for as long as it takes to tell them so. Any more are reset. */
const MAX_SURPLUS = 64;

/** A request whose turn has come. */
export interface Turn {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The client waits for `100 Continue`. */
  readonly expectsContinue: boolean;
  /** There are too many connections, and this one came last. */
  readonly surplus: boolean;
}

interface Connection {
  readonly socket: Socket;
  current: IncomingMessage | undefined;
  waiting: Turn[] | undefined;
  /** Takes no more requests: is closed after those that wait. */
  last: boolean;
  surplus: boolean;
  closed: boolean;
}

/** On the socket itself: a map would hash every socket at every request. */
const CONNECTION = Symbol('connection');
type Tracked = Socket & { [CONNECTION]?: Connection };

/**
 * The connections of one listener. There are at most so many, the longest idle one makes room for a new one, and each has one
 * request in work at a time: Node would start all pipelined ones at once, and would tell those that wait nothing of a client
 * that has left.
 */
export class Connections {
  readonly #maximum: number;
  readonly #serve: (turn: Turn) => Promise<void>;
  /** No request in work; longest idle first. */
  readonly #idle = new Set<Connection>();
  /** Above the cap, and no request in work. */
  readonly #surplus = new Set<Connection>();
  #open = 0;

  /** `serve` answers one request, and resolves when the connection has let go of it. */
  constructor(server: Server, maximum: number, serve: (turn: Turn) => Promise<void>) {
    this.#maximum = maximum;
    this.#serve = serve;
    server.on('connection', (socket) => this.#opened(socket));
  }

  /** Serves a request when it is its turn; never, when its connection closes before. */
  take(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const connection = (req.socket as Tracked)[CONNECTION];
    if (!connection || connection.closed || connection.last) return;
    const turn = { req, res, expectsContinue, surplus: connection.surplus && this.#open > this.#maximum };
    if (!connection.current) {
      void this.#start(connection, turn);
      return;
    }
    const waiting = (connection.waiting ??= []);
    waiting.push(turn);
    if (waiting.length === MAX_WAITING) connection.last = true;
  }

  /**
   * The client sent what is no request. `true`: it stands behind a request in work, which is answered before the connection is
   * closed. `false`: the connection is the caller's to close.
   */
  closesAfterWork(socket: Socket): boolean {
    const connection = (socket as Tracked)[CONNECTION];
    if (!connection?.current?.complete) return false;
    connection.last = true;
    return true;
  }

  async #start(connection: Connection, turn: Turn): Promise<void> {
    connection.current = turn.req;
    connection.surplus = false;
    this.#idle.delete(connection);
    this.#surplus.delete(connection);
    if (turn.surplus || (connection.last && !connection.waiting?.length)) turn.res.shouldKeepAlive = false;
    try {
      await this.#serve(turn);
    } finally {
      connection.current = undefined;
      if (!connection.closed) this.#ended(connection);
    }
  }

  #ended(connection: Connection): void {
    const next = connection.waiting?.shift();
    if (next) void this.#start(connection, next);
    else if (connection.last) connection.socket.destroySoon();
    else this.#idle.add(connection);
  }

  #opened(socket: Tracked): void {
    const connection = { socket, current: undefined, waiting: undefined, last: false, surplus: false, closed: false };
    socket[CONNECTION] = connection;
    this.#open += 1;
    socket.once('close', () => this.#closed(connection));
    if (this.#open <= this.#maximum || this.#shed(this.#idle)) {
      this.#idle.add(connection);
      return;
    }
    connection.surplus = true;
    if (this.#open > this.#maximum + MAX_SURPLUS && !this.#shed(this.#surplus)) this.#drop(connection);
    else this.#surplus.add(connection);
  }

  /** Closes the one that has been there longest. `false`: there is none. */
  #shed(connections: Set<Connection>): boolean {
    const [oldest] = connections;
    if (oldest) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(connection: Connection): void {
    this.#closed(connection);
    connection.socket.destroy();
  }

  #closed(connection: Connection): void {
    if (connection.closed) return;
    connection.closed = true;
    connection.waiting = undefined;
    this.#open -= 1;
    this.#idle.delete(connection);
    this.#surplus.delete(connection);
  }
}
