import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../bench/process.ts';
import type { Cleanup } from './temp.ts';

const NGINX = '/usr/sbin/nginx';
const LOOK_MS = 50;

/** Why there can be no balancer here; `false` when there can. */
export const noBalancer = existsSync(NGINX) ? false : `no ${NGINX}: install the Debian package nginx-light`;

/**
 * nginx in front of several routers. It has no health checks of its own, so this looks at `/readyz` of each and reloads it with the
 * ready ones, as the controllers of container platforms do.
 */
export class Balancer {
  readonly url: string;
  /** How often a router that still took connections said that it is not ready. */
  refusals = 0;
  readonly #folder: string;
  readonly #nginx: ChildProcess;
  readonly #routers: readonly string[];
  #active = '';
  #open = true;

  private constructor(folder: string, nginx: ChildProcess, url: string, routers: readonly string[]) {
    this.#folder = folder;
    this.#nginx = nginx;
    this.#routers = routers;
    this.url = url;
  }

  /** `routers` as `http://host:port`; all must be ready. */
  static async start(t: Cleanup, routers: readonly string[]): Promise<Balancer> {
    const folder = mkdtempSync(join(tmpdir(), 'router-balancer-'));
    const port = await freePort();
    writeFileSync(join(folder, 'nginx.conf'), configuration(port, folder));
    writeFileSync(join(folder, 'upstream.conf'), upstreamBlock(routers));
    const nginx = spawn(NGINX, ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
      stdio: 'ignore',
    });
    const balancer = new Balancer(folder, nginx, `http://127.0.0.1:${port}`, routers);
    const watching = balancer.#watch();
    t.after(async () => {
      balancer.#open = false;
      await watching;
      const ended = once(nginx, 'close');
      nginx.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    });
    while (!(await isReady(balancer.url)).ready) await sleep(LOOK_MS);
    return balancer;
  }

  /** Waits until this router gets traffic, or none any more. */
  async until(router: string, active: boolean): Promise<void> {
    while (this.#active.includes(new URL(router).host) !== active) await sleep(LOOK_MS);
  }

  async #watch(): Promise<void> {
    while (this.#open) {
      const states = await Promise.all(this.#routers.map(isReady));
      this.refusals += states.filter(({ status }) => status === 503).length;
      const block = upstreamBlock(this.#routers.filter((_, index) => states[index]?.ready));
      if (block !== this.#active && states.some(({ ready }) => ready)) {
        writeFileSync(join(this.#folder, 'upstream.conf'), block);
        this.#nginx.kill('SIGHUP');
        this.#active = block;
      }
      await sleep(LOOK_MS);
    }
  }
}

async function isReady(url: string): Promise<{ ready: boolean; status: number | undefined }> {
  try {
    const answer = await fetch(`${url}/readyz`, { headers: { connection: 'close' } });
    await answer.text();
    return { ready: answer.status === 200, status: answer.status };
  } catch {
    return { ready: false, status: undefined };
  }
}

const upstreamBlock = (routers: readonly string[]) =>
  `upstream routers { ${routers.map((url) => `server ${new URL(url).host} max_fails=0;`).join(' ')} keepalive 64; }\n`;

const configuration = (port: number, folder: string) => `
daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${folder}/upstream.conf;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      proxy_pass http://routers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
