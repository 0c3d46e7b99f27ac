/**
 * Loaded into a router process with `--import`: a request with the header `x-fault` meets an error that no code of the router foresees.
 * `handler`: where the handler writes its answer; `uncaught` and `rejection`: outside of every handler, while it runs.
 */
import { Server, ServerResponse } from 'node:http';

const CANARY = 'sk-ant-api03-canary-in-an-uncaught-error-0123456789abcdef';

type Method = (...args: unknown[]) => unknown;

/** Puts `around` in the place of a method; it gets what it replaces. */
function wrap(prototype: object, name: string, around: (self: object, args: unknown[], original: Method) => unknown) {
  const original = Reflect.get(prototype, name) as Method;
  Reflect.set(prototype, name, function (this: object, ...args: unknown[]) {
    return around(this, args, original);
  });
}

wrap(Server.prototype, 'emit', (self, args, original) => {
  const [event, request] = args as [string, { headers: Record<string, string> }];
  const fault = event === 'request' ? request.headers['x-fault'] : undefined;
  if (fault === 'uncaught') {
    setImmediate(() => {
      throw new Error(`injected ${CANARY}`);
    });
  }
  if (fault === 'rejection') void Promise.reject(new Error(`injected ${CANARY}`));
  return Reflect.apply(original, self, args);
});

const thrown = new WeakSet();
wrap(ServerResponse.prototype, 'writeHead', (self, args, original) => {
  if ((self as ServerResponse).req.headers['x-fault'] === 'handler' && !thrown.has(self)) {
    thrown.add(self);
    throw new Error(`injected ${CANARY}`);
  }
  return Reflect.apply(original, self, args);
});
