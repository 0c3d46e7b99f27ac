import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChaosBed, RouterProcess } from './chaos.ts';
import { type ClientCall, judge } from './check.ts';
import { call, type Ledger, usageRecords } from './check-ledger.ts';
import { ADMIN_KEY, OPERATOR_KEY } from './router.ts';
import type { Cleanup } from './temp.ts';

/** What was acknowledged about one token. The label is its own, and its successors' by rotation. */
interface Held {
  readonly id: string;
  readonly token: string;
  readonly label: string;
  /** A revocation or rotation was sent, and its answer may never have come. */
  doubtful: boolean;
  /** When its end was acknowledged. */
  endedAt: number | undefined;
}

/** How long before a kill a client may have had its answer without its usage being on the disk. Milliseconds. */
const GRACE_MS = 1_000;
/** Answers between a start and the kill. */
const MOST_ANSWERS = 40;

/**
 * One data folder that lives through kill after kill: a mixed workload of issuing, revoking, rotating and messages, cut by SIGKILL
 * at a random moment, then a check of everything that was acknowledged.
 */
export class Lane {
  readonly #bed: ChaosBed;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  readonly #tokens: Held[] = [];
  readonly #calls: ClientCall[] = [];
  readonly #kills: number[] = [];
  #log = '';
  #labels = 0;
  /** Answers that came, good or not. */
  #answers = 0;
  /** How long each start took. Milliseconds. */
  readonly starts: number[] = [];

  constructor(bed: ChaosBed, ledger: Ledger, random: () => number) {
    this.#bed = bed;
    this.#ledger = ledger;
    this.#random = random;
  }

  get counts(): { revoked: number; tokens: number; calls: number } {
    const revoked = this.#tokens.filter(({ endedAt }) => endedAt !== undefined).length;
    return { revoked, tokens: this.#tokens.length, calls: this.#calls.length };
  }

  /** Starts, works, kills. Returns what is wrong afterwards. */
  async round(): Promise<string[]> {
    const router = await this.#bed.start();
    this.starts.push(router.startMs);
    const problems = await this.#compare(router);
    const state = { open: true };
    const issue = () => this.#issue(router);
    const end = () => this.#end(router);
    const message = () => this.#message(router);
    const workers = [issue, end, end, message, message].map(async (work) => {
      while (state.open) {
        await work().catch(() => sleep(1));
        this.#answers += 1;
      }
    });
    // After so many answers, and a little later, so that some work is always half done.
    const answers = this.#answers + Math.floor(this.#random() * MOST_ANSWERS);
    while (this.#answers < answers) await sleep(1);
    await sleep(this.#random() * 10);
    this.#kills.push(performance.now());
    await router.kill();
    state.open = false;
    await Promise.all(workers);
    this.#log += router.output;
    return problems;
  }

  /** The state after all rounds, and the history of the lane. */
  async finish(t: Cleanup): Promise<string[]> {
    const router = await this.#bed.start();
    const problems = await this.#compare(router);
    router.signal('SIGTERM');
    await router.ended;
    const database = this.#bed.database(t);
    const integrity = database.prepare('pragma integrity_check').all();
    if (integrity[0]?.['integrity_check'] !== 'ok') problems.push(`integrity_check: ${JSON.stringify(integrity[0])}`);
    const ends = this.#tokens.filter(({ endedAt }) => endedAt !== undefined);
    const secrets = Object.fromEntries(this.#tokens.map(({ token, label }, index) => [`${label} ${index}`, token]));
    const files = ['core.db', 'core.db-wal'].map((name) => readIfThere(join(this.#bed.dataDir, name)));
    return problems.concat(
      judge(
        {
          upstream: this.#ledger.calls.filter(({ nonce }) => this.#calls.some((one) => one.nonce === nonce)),
          client: this.#calls,
          revocations: new Map(ends.map(({ id, endedAt }) => [id, endedAt!])),
          usage: usageRecords(database),
          credentials: { 'api-key': OPERATOR_KEY },
          secrets: { ...secrets, 'admin key': ADMIN_KEY },
          texts: { log: this.#log, files: files.join('') },
        },
        { revocationMs: 0, kills: this.#kills, graceMs: GRACE_MS },
      ),
    );
  }

  async #issue(router: RouterProcess): Promise<void> {
    const label = `lane ${(this.#labels += 1)}`;
    this.#tokens.push(held(await router.issue(label), label));
  }

  /** Revokes or rotates a living token. */
  async #end(router: RouterProcess): Promise<void> {
    const living = this.#tokens.filter(({ endedAt, doubtful }) => endedAt === undefined && !doubtful);
    const token = living[Math.floor(this.#random() * living.length)];
    if (!token || living.length < 4) return this.#issue(router);
    token.doubtful = true;
    const path = this.#random() < 0.5 ? '/api/tokens/revoke' : '/api/tokens/rotate';
    const { status, json } = await router.admin(path, { id: token.id });
    if (status !== 200) throw new Error(`${path}: ${status}`);
    token.endedAt = performance.now();
    if (path.endsWith('rotate')) {
      this.#tokens.push(held({ id: String(json['id']), token: String(json['token']) }, token.label));
    }
  }

  /** Half of them with a token that ended. */
  async #message(router: RouterProcess): Promise<void> {
    const ended = this.#random() < 0.5;
    const some = this.#tokens.filter(({ endedAt }) => (endedAt !== undefined) === ended);
    const token = some[Math.floor(this.#random() * some.length)];
    if (!token) {
      await sleep(1);
      return;
    }
    this.#calls.push(await call(router.url, token, { stream: this.#random() < 0.5, words: 5, pauseMs: 5 }));
  }

  /** What the router says of its tokens, against what was acknowledged. */
  async #compare(router: RouterProcess): Promise<string[]> {
    const { json } = await router.admin('/api/tokens/list');
    const listed = json['data'] as { id: string; label: string; revoked: boolean }[];
    const byId = new Map(listed.map((one) => [one.id, one]));
    const problems: string[] = [];
    for (const { id, endedAt, doubtful, label } of this.#tokens) {
      const there = byId.get(id);
      if (!there) problems.push(`acknowledged token ${id} is lost`);
      else if (endedAt !== undefined && !there.revoked) problems.push(`acknowledged revocation of ${id} is lost`);
      else if (!doubtful && there.revoked) problems.push(`token ${id} was revoked by nobody`);
      const living = listed.filter((one) => one.label === label && !one.revoked);
      if (living.length > 1) problems.push(`a half rotation of ${label}: ${living.length} living tokens`);
    }
    return problems;
  }
}

function held(token: { id: string; token: string }, label: string): Held {
  return { ...token, label, doubtful: false, endedAt: undefined };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
