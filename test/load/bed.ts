import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LOAD_CORE, startOn, stop, waitFor } from '../../bench/process.ts';
import { router } from '../../bench/subjects/router.ts';
import type { Subject } from '../../bench/subjects/subject.ts';
import type { RequestFigures } from '../support/ssebench/requests.ts';
import type { Plan } from '../support/ssebench/main.ts';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const UPSTREAM = fileOf('../support/ssebench/upstream.ts');
const LOAD = fileOf('../support/ssebench/main.ts');
const START_MS = 20_000;
/** Milliseconds that a load may take longer than it wants to. */
const PATIENCE_MS = 120_000;

type Distribute<T> = T extends unknown ? Omit<T, 'url' | 'headers'> : never;
/** A load without its target. */
export type Load = Distribute<Plan>;

export interface BedOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
  /** File for the upstream's ledger. */
  readonly ledger?: string;
  readonly withChannel?: boolean;
}

/** A router of its own with the bench's upstream: router on one core, upstream and load on the other. */
export class Bed {
  readonly subject: Subject;
  readonly folder: string;
  /** The same endpoint at the upstream itself. */
  readonly direct: string;
  readonly #upstream: ChildProcess;

  private constructor(subject: Subject, upstream: ChildProcess, direct: string, folder: string) {
    this.subject = subject;
    this.#upstream = upstream;
    this.direct = direct;
    this.folder = folder;
  }

  static async open(parent: string, { ledger, ...options }: BedOptions = {}): Promise<Bed> {
    const folder = await mkdtemp(join(parent, 'load-'));
    const upstream = startOn(LOAD_CORE, [process.execPath, UPSTREAM, ...(ledger === undefined ? [] : [ledger])]);
    const [port] = await waitFor(upstream, /\d+(?=\n)/, START_MS);
    const origin = `http://127.0.0.1:${port}`;
    const subject = await router.start({ upstream: origin, folder, ...options });
    return new Bed(subject, upstream, `${origin}/v1/messages`, folder);
  }

  get pid(): number {
    return this.subject.child.pid ?? 0;
  }

  /** Puts a load on the router, or on the upstream itself, and resolves with its figures. */
  async load<Figures>(load: Load, target: 'router' | 'direct' = 'router'): Promise<Figures> {
    const { url, headers } = this.subject;
    const plan = { ...load, url: target === 'router' ? url : this.direct, headers };
    const child = startOn(LOAD_CORE, [process.execPath, LOAD, JSON.stringify(plan)]);
    const [line] = await waitFor(child, /^\{.*\}(?=\n)/m, patience(load));
    await stop(child);
    return JSON.parse(line) as Figures;
  }

  /** The first requests compile the router's code; what is measured comes after them. */
  async warmUp(): Promise<void> {
    await this.load<RequestFigures>({ kind: 'requests', seconds: 3, concurrency: 8 });
    await this.load({ kind: 'streams', streams: 50, rampMs: 500, events: 100, everyMs: 10 });
    await this.metrics();
  }

  /** Metrics by name with labels. Asking begins a new measurement of the event loop. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(new URL('/metrics', this.subject.url));
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  /** Open file descriptors of the router. */
  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** Waits until the router has no more descriptors than that, at most 20 s; returns how many it has. */
  async descriptorsBackTo(count: number): Promise<number> {
    for (let i = 0; i < 80; i += 1) {
      const open = await this.descriptors();
      if (open <= count) return open;
      await sleep(250);
    }
    return this.descriptors();
  }

  /** Resident bytes of the router: now, and the most that it ever had. */
  async memory(): Promise<{ now: number; peak: number }> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
    return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM') };
  }

  async close(): Promise<void> {
    await stop(this.subject.child);
    await stop(this.#upstream);
  }
}

function patience(load: Load): number {
  if (load.kind === 'requests' || load.kind === 'churn') return load.seconds * 1000 + PATIENCE_MS;
  return PATIENCE_MS + (load.kind === 'streams' ? load.rampMs + load.events * load.everyMs : 0);
}
