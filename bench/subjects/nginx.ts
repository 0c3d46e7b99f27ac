import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, SUBJECT_CORE, startOn } from '../process.ts';
import { START_MS, type SubjectKind, UPSTREAM_KEY } from './subject.ts';

const NGINX = '/usr/sbin/nginx';
const POLL_MS = 20;

/** nginx as a plain reverse proxy that adds the credential: the least that such a gateway can cost. */
export const nginx: SubjectKind = {
  name: 'nginx',
  title: 'nginx',
  share: 1,
  missing: async () =>
    existsSync(NGINX)
      ? undefined
      : `no ${NGINX}: install the Debian package nginx-light (apt-get install nginx-light).`,
  async start({ upstream, folder }) {
    const port = await freePort();
    const file = join(folder, 'nginx.conf');
    await writeFile(file, configuration(new URL(upstream).host, port, folder));
    const child = startOn(SUBJECT_CORE, [NGINX, '-c', file, '-e', join(folder, 'error.log')]);
    const url = `http://127.0.0.1:${port}`;
    await untilAnswers(`${url}/health`);
    return { child, url: `${url}/v1/messages`, headers: { 'anthropic-version': '2023-06-01' } };
  },
};

/** nginx prints nothing when it is ready. */
async function untilAnswers(url: string): Promise<void> {
  for (let waited = 0; ; waited += POLL_MS) {
    try {
      await (await fetch(url)).text();
      return;
    } catch (error) {
      if (waited > START_MS) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** Buffers large enough that no request body goes to disk. The worker runs as root where the master does, to write its logs. */
const configuration = (upstream: string, port: number, folder: string) => `
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 8192;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 8192; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 64m;
  client_body_buffer_size 2m;
  keepalive_requests 1000000;
  upstream api { server ${upstream}; keepalive 1024; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location = /health { return 200; }
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header x-api-key ${UPSTREAM_KEY};
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
