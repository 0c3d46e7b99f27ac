/** The router beside nginx and Portkey: same upstream, same load, one core each. See docs/performance.md. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/errors.ts';
import { cpuPerUnit, memoryWhenIdle, type Running, startSubject, startUpstream } from './measure.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { stopAll } from './process.ts';
import { type Results, table, verdicts } from './report.ts';
import { nginx } from './subjects/nginx.ts';
import { portkey } from './subjects/portkey.ts';
import { router } from './subjects/router.ts';
import type { SubjectKind } from './subjects/subject.ts';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const TABLE_ON_PAGE = /(?<=<!-- bench:start -->\n).*(?=<!-- bench:end -->)/s;
/** No round starts later than this many milliseconds after the first. */
const ROUNDS_LIMIT_MS = 270_000;

const progress = (text: string) => console.error(text);

function optionsOrExit(): Options {
  try {
    if (process.platform !== 'linux' || availableParallelism() < 2) throw new TypeError('needs Linux and two cores');
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** The subjects that can be had here. */
async function usableKinds(): Promise<SubjectKind[]> {
  const kinds: SubjectKind[] = [];
  for (const kind of [router, nginx, portkey]) {
    const reason = await kind.missing();
    if (reason === undefined) kinds.push(kind);
    else progress(`Without ${kind.title}: ${reason}`);
  }
  return kinds;
}

async function measureIdle(kinds: readonly SubjectKind[], upstream: string, folder: string) {
  const bytes: NonNullable<Results['idle']> = {};
  for (const kind of kinds) {
    progress(`idle streams: ${kind.title}`);
    bytes[kind.name] = await memoryWhenIdle(kind, upstream, folder);
  }
  return bytes;
}

/** The subjects take turns within every scenario of every round, so that what disturbs the machine disturbs all of them. */
async function measureCpu(options: Options, subjects: readonly Running[]): Promise<Results['cpu']> {
  const { rounds, scenarios, scale } = options;
  const cpu: Results['cpu'] = {};
  let started = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const isWarmUp = round === 0;
    if (!isWarmUp) started ||= performance.now();
    if (started && performance.now() - started > ROUNDS_LIMIT_MS) {
      progress(`The time is up after ${round - 1} rounds`);
      break;
    }
    progress(isWarmUp ? 'warm-up' : `round ${round} of ${rounds}`);
    for (const scenario of scenarios) {
      const costs = (cpu[scenario] ??= {});
      for (const running of subjects) {
        const value = await cpuPerUnit(running, scenario, scale);
        if (!isWarmUp) (costs[running.kind.name] ??= []).push(value);
      }
    }
  }
  return cpu;
}

async function measure(options: Options, folder: string): Promise<Results> {
  const kinds = await usableKinds();
  const upstream = await startUpstream();
  const idle = options.idle ? await measureIdle(kinds, upstream, folder) : undefined;
  const subjects: Running[] = [];
  if (options.scenarios.length > 0) {
    for (const kind of kinds) subjects.push(await startSubject(kind, upstream, folder));
  }
  const cpu = await measureCpu(options, subjects);
  return idle ? { cpu, idle } : { cpu };
}

/** The rounds that there was time for. */
function roundsOf({ cpu }: Results): number | undefined {
  return Object.values(cpu)[0]?.router?.length;
}

async function report(options: Options, results: Results): Promise<void> {
  const goals = verdicts(results);
  const machine = `Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown processor'}, ${roundsOf(results) ?? options.rounds} rounds`;
  if (options.json) console.log(JSON.stringify({ machine, ...results, goals }, null, 2));
  else console.log(`${table(results)}\n\n${machine}\n`);
  for (const { goal, met } of goals)
    progress(`${met === undefined ? 'not measured' : met ? 'met' : 'MISSED'}: ${goal}`);
  if (options.write) {
    const page = await readFile(PAGE, 'utf8');
    await writeFile(
      PAGE,
      page.replace(TABLE_ON_PAGE, () => `\n${table(results)}\n\n${machine}.\n\n`),
    );
  }
  if (options.strict && !goals.every(({ met }) => met)) process.exitCode = 1;
}

const options = optionsOrExit();
// Whatever waits for a child fails then, and the folder is removed on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll());
const folder = await mkdtemp(join(tmpdir(), 'router-bench-'));
try {
  await report(options, await measure(options, folder));
} finally {
  await stopAll();
  await rm(folder, { recursive: true, force: true });
}
