import { parseArgs } from 'node:util';
import { SCENARIO_NAMES, type ScenarioName } from './scenarios.ts';

export const USAGE = `npm run bench -- [--rounds N] [--only json,sse,body,idle] [--quick] [--json] [--write] [--strict]

  --rounds N   rounds of each scenario (default 7; 2 with --quick)
  --only LIST  some of the scenarios: json, sse, body, idle
  --quick      half the load, in about a minute: shows that all works, its figures are rough
  --json       prints the figures of every round as JSON instead of a table
  --write      puts the table into docs/performance.md too; needs a full run
  --strict     exits 1 when a goal is missed or could not be measured`;

export interface Options {
  readonly rounds: number;
  readonly scenarios: readonly ScenarioName[];
  readonly idle: boolean;
  /** Share of a scenario's requests. */
  readonly scale: number;
  readonly json: boolean;
  readonly write: boolean;
  readonly strict: boolean;
}

/** Throws a `TypeError` for arguments that do not stand in `USAGE`. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  });
  const { only, quick, json, write, strict } = values;
  const rounds = Number(values.rounds ?? (quick ? 2 : 7));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new TypeError('--rounds takes a number from 1 to 100');
  const all: readonly string[] = [...SCENARIO_NAMES, 'idle'];
  const wanted = only?.split(',') ?? all;
  if (!wanted.every((name) => all.includes(name))) throw new TypeError(`--only takes some of ${all.join(',')}`);
  if (write && (quick || only !== undefined)) throw new TypeError('--write needs a full run: no --quick, no --only');
  return {
    rounds,
    scenarios: SCENARIO_NAMES.filter((name) => wanted.includes(name)),
    idle: wanted.includes('idle'),
    scale: quick ? 0.5 : 1,
    json,
    write,
    strict,
  };
}
