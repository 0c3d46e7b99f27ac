import { CREDENTIAL_HEADERS, type HeaderList } from './headers.ts';

const BEARER = /^bearer[ \t]+(\S+)[ \t]*$/i;

/** More than any real client sends; a request cannot make the router check thousands of tokens. */
const MAX_CANDIDATES = 8;

/**
 * Every credential of a request, in the order in which real clients prefer them, each once. Claude Code may send two
 * different ones at the same time (CL2), so all are candidates.
 */
export function clientCredentials(headers: HeaderList, query: string): string[] {
  const found: string[] = [];
  const add = (value: string | null | undefined) => {
    if (value && found.length < MAX_CANDIDATES && !found.includes(value)) found.push(value);
  };
  for (const name of CREDENTIAL_HEADERS) {
    for (const value of headers.getAll(name)) {
      add(name === 'authorization' ? BEARER.exec(value)?.[1] : value.trim());
    }
  }
  if (query.includes('key=')) add(new URLSearchParams(query).get('key'));
  return found;
}

/** The query as the client wrote it, without the credential. Both without the `?`. */
export function withoutKey(query: string): string {
  if (!query.includes('key=') && !query.includes('%')) return query;
  return query
    .split('&')
    .filter((pair) => {
      const equals = pair.indexOf('=');
      const name = equals < 0 ? pair : pair.slice(0, equals);
      return !new URLSearchParams(name).has('key');
    })
    .join('&');
}
