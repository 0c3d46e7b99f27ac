import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Cleanup } from './temp.ts';

/** What a name server of a test says to every question for an IPv4 address. */
export type DnsAnswer = 'loopback' | 'nxdomain' | 'servfail' | 'silence';

const RCODES = { loopback: 0, nxdomain: 3, servfail: 2, silence: 0 };
const TYPE_A = 1;

/** A name server on port 53 of `address`, which must be one of loopback. Needs root. */
export async function startDns(t: Cleanup, address: string) {
  const socket = createSocket('udp4');
  const state: { answer: DnsAnswer; questions: number } = { answer: 'loopback', questions: 0 };
  socket.on('message', (query, peer) => {
    state.questions += 1;
    if (state.answer !== 'silence') socket.send(reply(query, state.answer), peer.port, peer.address);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  t.after(() => void socket.close());
  return state;
}

/** RFC 1035 section 4. The question is repeated, then 127.0.0.1 with a life of 0 s. */
function reply(query: Buffer, answer: DnsAnswer): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const isA = query.readUInt16BE(end - 4) === TYPE_A;
  const found = answer === 'loopback' && isA;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | RCODES[answer], 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  const record = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat([header, query.subarray(12, end), found ? record : Buffer.alloc(0)]);
}
