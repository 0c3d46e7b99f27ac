import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { fuzz } from './engine.ts';
import { saveSeed } from './seeds.ts';
import { Watchdog } from './watchdog.ts';

/**
 * `npm run fuzz -- [--minutes N] [--runs N] [--seed S] [--only NAME]`: fuzzes every target for its share of the time, or until
 * each had N inputs. A failing input is kept in `test/fuzz/seeds/` and makes the exit code 1.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    runs: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed);
const runs = values.runs === undefined ? Number.POSITIVE_INFINITY : Number(values.runs);
const minutes = Number(values.minutes);
if (!(runs > 0) || !(minutes > 0) || !Number.isInteger(seed))
  throw new Error('--minutes, --runs and --seed take numbers');

const MODULES = [
  ...['wire/sse.ts', 'wire/json-scan.ts', 'wire/content-encoding.ts', 'http/headers.ts', 'http/credentials.ts'],
  ...['dialects/anthropic/stream.ts', 'dialects/anthropic/usage.ts', 'dialects/usage.ts'],
  ...['tokens/format.ts', 'tokens/service.ts', 'tokens/cache.ts'],
  ...['config/load.ts', 'config/lenv.ts', 'config/home.ts', 'config/schema.ts'],
];
const coverage = new Coverage(MODULES);
const { targets } = await import('./targets/index.ts');
const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`--only takes one of ${targets.map(({ name }) => name).join(', ')}`);

console.log(`seed ${seed}`);
for (const target of chosen) {
  const started = performance.now();
  const until = started + (minutes * 60_000) / chosen.length;
  const watchdog = new Watchdog(target.name);
  const report = await fuzz(target, { seed, runs, until, coverage, watchdog });
  await watchdog.close();
  const took = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${target.name}: ${report.runs} inputs, ${report.corpus} kept, ${took} s`);
  if (report.failure) {
    process.exitCode = 1;
    console.error(report.failure.error);
    console.error(`the input is in ${saveSeed(target.name, report.failure.input)}`);
  }
}
coverage.close();
