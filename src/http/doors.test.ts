import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { openDoors } from './doors.ts';

const HOST = '127.0.0.1';
const CLIENTS = 320;

test('L4 a busy event loop takes many connections a turn', async (t) => {
  const server = createServer();
  const doors = await openDoors(server, HOST, 0);
  const taken: Socket[] = [];
  server.on('connection', (socket) => void taken.push(socket));
  const clients = Array.from({ length: CLIENTS }, () => connect(doors.port, HOST));
  t.after(async () => {
    for (const client of clients) client.destroy();
    await doors.close();
  });
  await Promise.all(clients.map((client) => once(client, 'connect')));
  const before = taken.length;
  let turns = 0;
  for (; taken.length < CLIENTS; turns += 1) await new Promise((resolve) => void setImmediate(resolve));
  // One socket takes one connection a turn.
  assert.ok(turns <= (CLIENTS - before) / 4, `${turns} turns for ${CLIENTS - before} connections`);
});

test('requests are answered at every door, and the server ends when all connections are gone', async () => {
  const server = createServer((request, response) => void (request.url === '/' && response.end('hello')));
  const doors = await openDoors(server, HOST, 0);
  const answers = Array.from({ length: 50 }, async () => {
    const response = await fetch(`http://${HOST}:${doors.port}`, { headers: { connection: 'close' } });
    return response.text();
  });
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(['hello']));
  const asked = once(server, 'request');
  const open = connect(doors.port, HOST);
  open.write('GET /unanswered HTTP/1.1\r\nhost: here\r\n\r\n');
  await asked;
  let gone = false;
  const closed = doors.close().then(() => {
    gone = true;
  });
  await new Promise((resolve) => void setTimeout(resolve, 50));
  assert.equal(gone, false);
  open.destroy();
  await closed;
  await assert.rejects(fetch(`http://${HOST}:${doors.port}`));
});

test('an address that another server has is refused, also when that one shares it', async () => {
  const doors = await openDoors(createServer(), HOST, 0);
  await assert.rejects(openDoors(createServer(), HOST, doors.port), { code: 'EADDRINUSE' });
  await doors.close();
});
