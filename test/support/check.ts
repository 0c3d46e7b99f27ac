/**
 * Judges what happened: the upstream's ledger, the client's log, the revocations that were acknowledged, the usage rows and whatever
 * text was written, against the invariants I1, I2, I6, I7 and I8. I3 and I4 are about budgets and reservations, I5 about refresh
 * tokens: the router has neither yet. All times are `performance.now()` of one process.
 */

/** One request as the upstream saw it. */
export interface UpstreamCall {
  /** Goes out as `request-id` of the answer. */
  readonly id: string;
  /** What the client wrote into the body, to know its request again. */
  readonly nonce: string;
  readonly at: number;
  readonly credential: string;
  /** Headers and body. */
  readonly text: string;
  /** Body bytes that were sent. */
  readonly sent: string;
  /** The answer was sent to its end. */
  readonly whole: boolean;
}

/** One request as the client saw it. */
export interface ClientCall {
  readonly nonce: string;
  readonly tokenId: string;
  readonly at: number;
  /** `undefined`: no answer began. */
  readonly status: number | undefined;
  /** The upstream's id of the answer. */
  readonly upstreamId: string | undefined;
  readonly body: string;
  readonly end: 'clean' | 'cut';
  readonly endedAt: number;
}

/** What is known of a usage row. */
export interface UsageRecord {
  readonly upstreamId: string | null;
  readonly account: string | null;
  readonly ended: string;
}

export interface History {
  readonly upstream: readonly UpstreamCall[];
  readonly client: readonly ClientCall[];
  /** Ids of tokens, and when their end was acknowledged. */
  readonly revocations: ReadonlyMap<string, number>;
  readonly usage: readonly UsageRecord[];
  /** The operator's secret per account. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What must neither reach the upstream nor be written anywhere, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What was written, by place. */
  readonly texts: Readonly<Record<string, string>>;
}

export interface Bounds {
  /** How long after its acknowledgement a revocation may go unnoticed; 0 where the same process took it. Milliseconds. */
  readonly revocationMs: number;
  /**
   * Moments at which a process was killed. Usage of answers that the client had whole less than `graceMs` before one, or never had
   * whole, may be missing: it is written in groups, after the answer.
   */
  readonly kills?: readonly number[];
  readonly graceMs?: number;
}

/** Every violation, in a sentence that starts with the invariant. */
export function judge(history: History, bounds: Bounds): string[] {
  return [
    ...revokedReached(history, bounds),
    ...usageRows(history, bounds),
    ...credentials(history),
    ...bytes(history),
    ...leaks(history),
  ];
}

function* revokedReached({ upstream, client, revocations }: History, { revocationMs }: Bounds): Generator<string> {
  const reached = new Set(upstream.map(({ nonce }) => nonce));
  for (const { nonce, tokenId, at } of client) {
    const revokedAt = revocations.get(tokenId);
    if (revokedAt === undefined || !reached.has(nonce) || at <= revokedAt + revocationMs) continue;
    yield `I1 request ${nonce} went out ${Math.round(at - revokedAt)} ms after the revocation of its token and reached the upstream`;
  }
}

function* usageRows({ upstream, client, usage }: History, { kills = [], graceMs = 0 }: Bounds): Generator<string> {
  const rows = Map.groupBy(usage, ({ upstreamId }) => upstreamId);
  const clients = new Map(client.map((call) => [call.nonce, call]));
  for (const { id, nonce, at } of upstream) {
    const count = rows.get(id)?.length ?? 0;
    const call = clients.get(nonce);
    const until = call?.end === 'clean' ? call.endedAt + graceMs : Number.POSITIVE_INFINITY;
    const excused = kills.some((killed) => killed >= at && killed < until);
    if (count > 1 || (count === 0 && !excused)) yield `I2 upstream call ${id} has ${count} usage rows`;
  }
  const known = new Set<string | null>(upstream.map(({ id }) => id));
  for (const id of rows.keys())
    if (id !== null && !known.has(id)) yield `I2 a usage row names ${id}, which no upstream saw`;
}

function* credentials({ upstream, usage, credentials: known, secrets }: History): Generator<string> {
  const accounts = new Map(usage.map(({ upstreamId, account }) => [upstreamId, account]));
  const operators = new Set(Object.values(known));
  for (const { id, credential, text } of upstream) {
    const account = accounts.get(id);
    const right = account == null ? operators.has(credential) : known[account] === credential;
    if (!right) yield `I6 upstream call ${id} came with a credential that is not that of ${account ?? 'any account'}`;
    for (const [name, secret] of Object.entries(secrets)) {
      if (text.includes(secret)) yield `I6 upstream call ${id} shows ${name}`;
    }
  }
}

/** What the router may put behind a broken stream. */
const ERROR_EVENT = /^\n*event: error\ndata: \{[^\n]*\}\n\n$/;

function* bytes({ upstream, client }: History): Generator<string> {
  const calls = new Map(upstream.map((call) => [call.id, call]));
  for (const { nonce, upstreamId, status, body, end } of client) {
    if (upstreamId === undefined || status !== 200) continue;
    const call = calls.get(upstreamId);
    if (!call || call.nonce !== nonce) yield `I7 request ${nonce} got an answer to another request`;
    else if (end === 'clean' && !(call.whole && body === call.sent)) {
      yield `I7 request ${nonce} ended cleanly with ${body.length} of ${call.sent.length} bytes`;
    } else if (end === 'cut' && !isPrefix(body, call.sent))
      yield `I7 request ${nonce} got bytes that the upstream did not send`;
  }
}

function isPrefix(body: string, sent: string): boolean {
  let same = 0;
  while (same < body.length && body[same] === sent[same]) same += 1;
  if (same === body.length) return true;
  // The error event and the upstream's next one may begin alike.
  for (let at = same; at >= Math.max(0, same - ERROR_START.length); at -= 1) {
    if (ERROR_EVENT.test(body.slice(at))) return true;
  }
  return false;
}

const ERROR_START = '\n\nevent: ';

function* leaks({ texts, secrets }: History): Generator<string> {
  for (const [place, text] of Object.entries(texts)) {
    for (const [name, secret] of Object.entries(secrets))
      if (text.includes(secret)) yield `I8 ${name} stands in ${place}`;
  }
}
