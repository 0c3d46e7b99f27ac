/**
 * Requests that two parsers may cut differently. From RFC 9112 sections 6 and 11, the HTTP Garden
 * (https://github.com/narfindustries/http-garden) and llhttp's own strictness. `{T}` stands for a good token and `{V}` for the
 * number of the vector; characters stand for the byte of their number.
 */
export interface SmugglingVector {
  readonly name: string;
  readonly bytes: string;
  /** Requests that the router may send upstream for it, when it is asked directly. */
  readonly served: number;
}

const BODY = '{"model":"m"}';
const CHUNKS = `d\r\n${BODY}\r\n0\r\n\r\n`;
const START = 'POST /v1/messages?v={V} HTTP/1.1\r\n';
const HOST = 'Host: h\r\n';
const KEY = 'Authorization: Bearer {T}\r\n';
/** A whole good request, hidden where one parser sees a body. */
const HIDDEN = `POST /v1/messages?v={V}&hidden HTTP/1.1\r\n${HOST}${KEY}Content-Length: 13\r\n\r\n${BODY}`;
const LENGTH_OF_HIDDEN = `Content-Length: ${HIDDEN.length + '{"model":"m","x":""}'.length}\r\n`;

const post = (headers: string, rest: string) => `${START}${HOST}${KEY}${headers}\r\n${rest}`;
const refused = (name: string, bytes: string): SmugglingVector => ({ name, bytes, served: 0 });
const served = (name: string, bytes: string, count = 1): SmugglingVector => ({ name, bytes, served: count });

const length = (value: string) => post(`Content-Length: ${value}\r\n`, BODY + HIDDEN);
const coding = (lines: string) => post(`${lines}\r\n`, CHUNKS + HIDDEN);
const chunked = (chunks: string) => post('Transfer-Encoding: chunked\r\n', chunks);

export const SMUGGLING_VECTORS: readonly SmugglingVector[] = [
  refused('length, then chunked', post('Content-Length: 13\r\nTransfer-Encoding: chunked\r\n', CHUNKS + HIDDEN)),
  refused('chunked, then length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', CHUNKS + HIDDEN)),
  refused('two equal lengths', post('Content-Length: 13\r\nContent-Length: 13\r\n', BODY)),
  refused('two different lengths', post('Content-Length: 13\r\nContent-Length: 0\r\n', BODY + HIDDEN)),
  refused('a list of lengths', length('13, 13')),
  refused('length with a sign', length('+13')),
  refused('length below zero', length('-1')),
  refused('length in hexadecimal', length('0xd')),
  refused('length with a space inside', length('1 3')),
  refused('length of nothing', length('')),
  refused('length past 64 bits', length('18446744073709551629')),
  refused('length with a fraction', length('13.0')),
  refused('unknown coding', coding('Transfer-Encoding: xchunked')),
  refused('coding with a space before the colon', coding('Transfer-Encoding : chunked')),
  refused('chunked, then identity', coding('Transfer-Encoding: chunked, identity')),
  refused('gzip, then chunked', coding('Transfer-Encoding: gzip, chunked')),
  refused('identity and a length', post('Transfer-Encoding: identity\r\nContent-Length: 13\r\n', BODY + HIDDEN)),
  refused('two codings, chunked first', coding('Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip')),
  refused('two codings, chunked last', coding('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked')),
  refused('chunked twice', coding('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked')),
  refused('coding behind a vertical tab', coding('Transfer-Encoding: \x0bchunked')),
  refused('coding in quotes', coding('Transfer-Encoding: "chunked"')),
  refused('coding with a parameter', coding('Transfer-Encoding: chunked;q=1')),
  refused('coding on a folded line', coding('Transfer-Encoding:\r\n chunked')),
  refused(
    'coding folded under another header',
    post('Content-Length: 13\r\nX: y\r\n Transfer-Encoding: chunked\r\n', BODY),
  ),
  refused('coding with NUL in its name', coding('Transfer\0-Encoding: chunked')),
  refused('bare LF in the headers', `${START}Host: h\n${KEY}Content-Length: 13\r\n\r\n${BODY}`),
  refused('bare LF after the headers', `${START}${HOST}${KEY}Content-Length: 13\r\n\n${BODY}`),
  refused('bare CR in a value', post('X: a\rContent-Length: 0\r\nContent-Length: 13\r\n', BODY)),
  refused('NUL in a value', post('X: a\0b\r\nContent-Length: 13\r\n', BODY)),
  refused('chunk size in 0x', chunked(`0xd\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunk size past 64 bits', chunked(`1000000000000000d\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunk size below zero', chunked(`-1\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunk size behind a space', chunked(` d\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunk size that ends in LF', chunked(`d\n${BODY}\r\n0\r\n\r\n`)),
  refused('LF in a chunk extension', chunked(`d;a=\nb\r\n${BODY}\r\n0\r\n\r\n`)),
  refused('chunk longer than its size', chunked(`5\r\n${BODY}\r\n0\r\n\r\n${HIDDEN}`)),
  refused('chunk without its CRLF', chunked(`d\r\n${BODY}0\r\n\r\n${HIDDEN}`)),
  refused('last chunk that ends in LF', chunked(`d\r\n${BODY}\r\n0\n\n${HIDDEN}`)),
  refused('chunked over HTTP/1.0', coding('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')),
  refused('two hosts', post('Host: evil\r\nContent-Length: 13\r\n', BODY)),
  refused('host with a space before the colon', `${START}Host : h\r\n${KEY}Content-Length: 13\r\n\r\n${BODY}`),
  refused('no host', `${START}${KEY}Content-Length: 13\r\n\r\n${BODY}`),
  refused('absolute form', post('Content-Length: 13\r\n', BODY).replace('/v1', 'http://evil/v1')),
  refused('authority form', post('Content-Length: 13\r\n', BODY).replace('/v1/messages?v={V}', 'evil:80')),
  refused('TRACE', post('', '').replace('POST', 'TRACE')),
  refused('CONNECT', `CONNECT evil:80 HTTP/1.1\r\n${HOST}${KEY}\r\n${HIDDEN}`),
  refused(
    'upgrade to WebSocket',
    post('Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 13\r\n', BODY + HIDDEN),
  ),
  refused(
    'upgrade to h2c',
    post(
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 13\r\n',
      BODY + HIDDEN,
    ),
  ),
  refused('preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`),
  refused('HTTP/0.9', `POST /v1/messages?v={V}\r\n${HIDDEN}`),
  refused('HTTP/2.0 in the request line', post('Content-Length: 13\r\n', BODY).replace('HTTP/1.1', 'HTTP/2.0')),
  refused('HTTP/1.2 in the request line', post('Content-Length: 13\r\n', BODY).replace('HTTP/1.1', 'HTTP/1.2')),
  refused('first header behind a space', `${START} ${HOST}${KEY}Content-Length: 13\r\n\r\n${BODY}`),
  refused('tabs in the request line', post('Content-Length: 13\r\n', BODY).replaceAll(' /v1', '\t/v1')),
  refused('method in small letters', post('Content-Length: 13\r\n', BODY).replace('POST', 'post')),
  refused(
    'hidden in the body of a wrong method',
    post(LENGTH_OF_HIDDEN, `{"model":"m","x":"${HIDDEN}"}`).replace('POST', 'PUT'),
  ),
  refused(
    'hidden in the body of an unknown route',
    post(LENGTH_OF_HIDDEN, `{"model":"m","x":"${HIDDEN}"}`).replace('/v1/messages', '/none'),
  ),
  refused(
    'hidden in a body without a credential',
    `${START}${HOST}${LENGTH_OF_HIDDEN}Expect: 100-continue\r\n\r\n{"model":"m","x":"${HIDDEN}"}`,
  ),
  served('length with space around it', post('Content-Length: \t13 \r\n', BODY)),
  served('coding behind a tab', post('Transfer-Encoding: \tchunked\r\n', CHUNKS)),
  served('coding in other letters', post('Transfer-Encoding: CHUNKED\r\n', CHUNKS)),
  served('a name with an underscore', post('Transfer_Encoding: chunked\r\nContent-Length: 13\r\n', BODY)),
  served('length named in Connection', post('Connection: content-length\r\nContent-Length: 13\r\n', BODY)),
  served('coding named in Connection', post('Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', CHUNKS)),
  refused('a length in the trailers', chunked(`d\r\n${BODY}\r\n0\r\nContent-Length: 5\r\n\r\n`)),
  served('a credential in the trailers', chunked(`d\r\n${BODY}\r\n0\r\nX-Api-Key: x\r\n\r\n`)),
  served('chunk extension', chunked(`d;x=y\r\n${BODY}\r\n0;x=y\r\n\r\n`)),
  served('two plain requests', post('Content-Length: 13\r\n', BODY + HIDDEN), 2),
];
