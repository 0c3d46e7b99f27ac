import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../bench/process.ts';
import { eventually } from './eventually.ts';
import { type Cleanup, temporaryFolder } from './temp.ts';

interface Kind {
  readonly command: (file: string, folder: string) => readonly string[];
  readonly configuration: (port: number, upstream: string, folder: string) => string;
}

/** Reverse proxies of Debian, as an operator may put them before the router: few kept connections, shared by all clients. */
export const FRONT_PROXIES = {
  nginx: {
    command: (file, folder) => ['/usr/sbin/nginx', '-c', file, '-e', join(folder, 'error.log')],
    configuration: (port, upstream, folder) => `
daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream router { server ${upstream}; keepalive 2; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://router;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`,
  },
  haproxy: {
    command: (file) => ['/usr/sbin/haproxy', '-db', '-f', file],
    configuration: (port, upstream) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  option forwardfor
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend router
backend router
  server router ${upstream} pool-max-conn 2
`,
  },
} as const satisfies Record<string, Kind>;

export type FrontProxy = keyof typeof FRONT_PROXIES;

/** Starts a reverse proxy before `url`, ended with the test. Returns its own URL. */
export async function startFrontProxy(t: Cleanup, name: FrontProxy, url: string): Promise<string> {
  const kind: Kind = FRONT_PROXIES[name];
  const folder = await temporaryFolder(t);
  const file = join(folder, 'configuration');
  const port = await freePort();
  await writeFile(file, kind.configuration(port, new URL(url).host, folder));
  const [program = '', ...args] = kind.command(file, folder);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await eventually(
    () => listens(port),
    (yes) => yes,
  );
  return `http://127.0.0.1:${port}`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
