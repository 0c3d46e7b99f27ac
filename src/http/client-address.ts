import { BlockList, isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { HeaderList } from './headers.ts';

const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** Finds who a client is on the network. `proxies` are addresses or networks (CIDR) whose `x-forwarded-for` is believed. */
export class ClientAddresses {
  readonly #trusted = new BlockList();

  constructor(proxies: readonly string[]) {
    for (const proxy of proxies) {
      const [address = '', prefix] = proxy.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(prefix), family);
    }
  }

  /** The peer; behind trusted proxies, the last address that none of them stands for. What comes before it, a client can invent. */
  of(req: IncomingMessage, headers: HeaderList): string {
    let address = plain(req.socket.remoteAddress ?? '');
    if (!this.#isTrusted(address)) return address;
    const hops = headers.getAll('x-forwarded-for').join(',').split(',');
    for (const hop of hops.toReversed()) {
      const before = plain(hop.trim());
      if (isIP(before) === 0) break;
      address = before;
      if (!this.#isTrusted(address)) break;
    }
    return address;
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** What one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function subscriberOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - rest.length);
  const groups = [...first, ...Array.from({ length: zeros }, () => '0'), ...rest].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

function plain(address: string): string {
  return address.replace(MAPPED, '');
}
