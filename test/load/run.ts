/** The router under load, each case judged by its goal. See docs/performance.md. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopAll } from '../../bench/process.ts';
import { layOut } from '../../bench/report.ts';
import { messageOf } from '../../src/errors.ts';
import { Bed, type BedOptions } from './bed.ts';
import { type CaseId, type LoadOptions, readOptions, USAGE } from './options.ts';
import { addedLatency, churn, largeBodies, throughput } from './request-cases.ts';
import { ONE_TOKEN, overload, steadyStreams } from './stream-cases.ts';
import { isMet, rowsOf, type Verdict } from './verdict.ts';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const TABLE_ON_PAGE = /(?<=<!-- load:start -->\n).*(?=<!-- load:end -->)/s;

interface Case extends BedOptions {
  readonly run: (bed: Bed, seconds: number) => Promise<Verdict>;
}

const CASES: Record<CaseId, Case> = {
  L1: {
    run: (bed, seconds) =>
      steadyStreams(bed, 'L1', { streams: 1_000, rate: 20, rampMs: 4_000, seconds }, { p99: 50, rss: 256, lag: 50 }),
  },
  L2: {
    env: ONE_TOKEN,
    run: (bed, seconds) =>
      steadyStreams(bed, 'L2', { streams: 2_000, rate: 5, rampMs: 6_000, seconds }, { p99: 30, rss: 320 }),
  },
  L3: {
    env: ONE_TOKEN,
    run: (bed, seconds) =>
      steadyStreams(
        bed,
        'L3',
        { streams: 5_000, rate: 1, rampMs: 10_000, seconds },
        { p99: 40, rss: 450, perStream: 64 },
      ),
  },
  L4: { env: ONE_TOKEN, run: overload },
  L5: { run: throughput },
  L6: { run: addedLatency },
  L7: { run: largeBodies },
  L9: { run: churn },
};

function optionsOrExit(): LoadOptions {
  try {
    if (process.platform !== 'linux' || availableParallelism() < 2) throw new TypeError('needs Linux and two cores');
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`load: ${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function measure({ cases, seconds }: LoadOptions, folder: string): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const id of cases) {
    console.error(`${id} …`);
    const { run, ...options } = CASES[id];
    const bed = await Bed.open(folder, options);
    verdicts.push(await run(bed, seconds));
    await bed.close();
  }
  return verdicts;
}

const options = optionsOrExit();
// Whatever waits for a child fails then, and the folder is removed on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll());
const folder = await mkdtemp(join(tmpdir(), 'router-load-'));
const busy = loadavg()[0] ?? 0;
try {
  const verdicts = await measure(options, folder);
  const table = layOut(rowsOf(verdicts));
  const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, other work on the machine before the start: load ${busy.toFixed(1)}`;
  console.log(`${table}\n\n${machine}`);
  if (options.write) {
    const page = await readFile(PAGE, 'utf8');
    await writeFile(
      PAGE,
      page.replace(TABLE_ON_PAGE, () => `\n${table}\n\n${machine}.\n\n`),
    );
  }
  if (!verdicts.every(({ checks }) => checks.every(isMet))) process.exitCode = 1;
} finally {
  await stopAll();
  await rm(folder, { recursive: true, force: true });
}
