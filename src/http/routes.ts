import findMyWay, { type HTTPMethod } from 'find-my-way';
import type { ErrorDialect } from '../dialects/error.ts';
import { RouterError } from '../errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * Who may call a route. `open`: everybody. `client`: a token that the router issued. `admin`: the admin key or a token of
 * scope admin. `monitor`: as admin, or a process on this machine that asks directly.
 */
export type Access = 'open' | 'client' | 'admin' | 'monitor';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Exact path, compared with the once-decoded path of the request. */
  readonly path: string;
  /** Short name for logs, metrics and usage rows. */
  readonly name: string;
  readonly access: Access;
  /** How errors are said; the listener's guess from the request when absent. */
  readonly errors?: ErrorDialect;
  handle(exchange: Exchange): void | Promise<void>;
}

const METHODS: readonly HTTPMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The allow-list of methods and paths. What is not in it is refused here; nothing unknown is ever forwarded. */
export class RouteTable {
  /** All of them, for those who must know that none is forgotten. */
  readonly routes: readonly Route[];
  readonly #router = findMyWay({ caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false });

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) this.#router.on(route.method, route.path, () => {}, route);
  }

  /** Throws `not_found`; or `method_not_allowed`, with what is allowed in `allow`. */
  match(exchange: Exchange): Route {
    const found = this.#router.find(exchange.req.method as HTTPMethod, exchange.path);
    if (found) return found.store as Route;
    const allow = METHODS.filter((method) => this.#router.find(method, exchange.path));
    if (allow.length > 0) throw new MethodNotAllowed(allow);
    throw new RouterError('not_found', 'No such route. The routes are in the documentation of the router.');
  }
}

export class MethodNotAllowed extends RouterError {
  readonly allow: string;

  constructor(allow: readonly string[]) {
    super('method_not_allowed', `This route takes ${allow.join(', ')}.`);
    this.allow = allow.join(', ');
  }
}
