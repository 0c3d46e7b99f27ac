import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import { cpuOf, memoryOf } from './cpu.ts';
import { LOAD_CORE, startOn, stop, waitFor } from './process.ts';
import { IDLE, SCENARIOS, type ScenarioName } from './scenarios.ts';
import type { Subject, SubjectKind } from './subjects/subject.ts';

const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('./upstream.ts', import.meta.url));

/** Milliseconds until what a subject does after its answers (a group of usage rows, a flush of the log) is done too. */
const SETTLE_MS = 500;
/** Milliseconds that one load may take. */
const LOAD_MS = 60_000;
/** JSON requests before memory is looked at: a process that has done nothing yet shows too little. */
const REQUESTS_BEFORE_IDLE = 2_000;
const IDLE_MS = 2_000;

/** A subject that is up, with what says how to load it. */
export interface Running {
  readonly kind: SubjectKind;
  readonly subject: Subject;
}

/** The base URL of a new upstream process. */
export async function startUpstream(): Promise<string> {
  const child = startOn(LOAD_CORE, [process.execPath, UPSTREAM]);
  const [port] = await waitFor(child, /\d+(?=\n)/, LOAD_MS);
  return `http://127.0.0.1:${port}`;
}

/** Starts a subject with a folder of its own inside `parent`. */
export async function startSubject(kind: SubjectKind, upstream: string, parent: string): Promise<Running> {
  const folder = await mkdtemp(join(parent, `${kind.title}-`));
  return { kind, subject: await kind.start({ upstream, folder }) };
}

/** One round of one subject: CPU microseconds per request, or per chunk. `scale` shrinks the round. */
export async function cpuPerUnit(running: Running, name: ScenarioName, scale: number): Promise<number> {
  const { kind, subject } = running;
  const scenario = SCENARIOS[name];
  const requests = Math.max(scenario.concurrency, Math.round(scenario.requests * kind.share * scale));
  const before = cpuOf(pidOf(subject.child));
  await stop(await load(subject, name, requests));
  await sleep(SETTLE_MS);
  const seconds = cpuOf(pidOf(subject.child)) - before;
  return (seconds * 1e6) / (requests * scenario.units);
}

/** Resident bytes of a fresh subject that holds the idle streams. */
export async function memoryWhenIdle(kind: SubjectKind, upstream: string, parent: string): Promise<number> {
  const { subject } = await startSubject(kind, upstream, parent);
  await stop(await load(subject, 'json', Math.round(REQUESTS_BEFORE_IDLE * kind.share)));
  const holder = await load(subject, 'idle', IDLE.requests);
  await sleep(IDLE_MS);
  const bytes = memoryOf(pidOf(subject.child));
  if (holder.exitCode !== null) throw new Error(`${kind.title} did not hold its idle streams`);
  await stop(holder);
  await stop(subject.child);
  return bytes;
}

/** Puts a load on a subject, and resolves when all its answers were right. The load process may still run. */
async function load({ url, headers }: Subject, name: ScenarioName | 'idle', requests: number): Promise<ChildProcess> {
  const command = [process.execPath, LOAD, name, String(requests), url, JSON.stringify(headers)];
  const child = startOn(LOAD_CORE, command);
  await waitFor(child, /done\n/, LOAD_MS);
  return child;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('not started');
  return child.pid;
}
