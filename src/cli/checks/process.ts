import { once } from 'node:events';
import { createServer } from 'node:net';
import { request } from 'undici';
import type { Config } from '../../config/schema.ts';
import { messageOf } from '../../errors.ts';
import { failureOf } from '../failure.ts';
import { broken, type Finding, ok } from './finding.ts';

/** The first version of Node with all that the router needs. */
const NODE_MAJOR = 24;
/** How long a router on the port may take to say that it is one. Milliseconds. */
const HEALTH_TIMEOUT_MS = 1_000;

/** The version of Node: `24.1.0`. */
export function checkNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= NODE_MAJOR) return ok('node', version);
  return broken('node', `${version} is too old`, `install Node ${NODE_MAJOR} or newer`);
}

/** Whether the port can be had, or a router listens there already. */
export async function checkPort({ host, port }: Config): Promise<Finding> {
  if (port === 0) return ok('port', 'a free one is taken at the start');
  if (await isRouter(host, port)) return ok('port', `a router answers on ${host} port ${port}`);
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return ok('port', `${host} port ${port} is free`);
  } catch (error) {
    const mend = 'end the program that has it, or choose another with --port (ROUTER_PORT)';
    return broken('port', failureOf(error).message ?? messageOf(error), mend);
  } finally {
    server.close();
  }
}

async function isRouter(host: string, port: number): Promise<boolean> {
  const name = host.includes(':') ? `[${host}]` : host;
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    const { statusCode, body } = await request(`http://${name}:${port}/health`, { signal });
    return (await body.text()) === 'ok' && statusCode === 200;
  } catch {
    return false;
  }
}
