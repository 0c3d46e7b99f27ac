/**
 * Loaded into a router process with `--import`: a request with the header `x-fault` meets an error that no code of the router foresees.
 * `handler`: where the handler writes its answer; `uncaught` and `rejection`: outside of every handler, while it runs.
 */
import { Server, ServerResponse } from 'node:http';

const CANARY = 'sk-ant-api03-canary-in-an-uncaught-error-0123456789abcdef';

const emit = Server.prototype.emit;
Server.prototype.emit = function (this: Server, ...args: Parameters<typeof emit>): boolean {
  const [event, request] = args as unknown as [string, { headers: Record<string, string> }];
  const fault = event === 'request' ? request.headers['x-fault'] : undefined;
  if (fault === 'uncaught') {
    setImmediate(() => {
      throw new Error(`injected ${CANARY}`);
    });
  }
  if (fault === 'rejection') void Promise.reject(new Error(`injected ${CANARY}`));
  return emit.apply(this, args);
};

const writeHead = ServerResponse.prototype.writeHead;
const thrown = new WeakSet<ServerResponse>();
ServerResponse.prototype.writeHead = function (this: ServerResponse, ...args: unknown[]) {
  if (this.req.headers['x-fault'] === 'handler' && !thrown.has(this)) {
    thrown.add(this);
    throw new Error(`injected ${CANARY}`);
  }
  return Reflect.apply(writeHead, this, args);
} as typeof writeHead;
