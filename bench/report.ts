import { IDLE, SCENARIO_NAMES, SCENARIOS, type ScenarioName } from './scenarios.ts';
import type { SubjectName } from './subjects/subject.ts';

/** What was measured. What was not asked for, or could not be had, is missing. */
export interface Results {
  /** CPU microseconds per unit, one number per round: the same index is the same round. */
  readonly cpu: Partial<Record<ScenarioName, Partial<Record<SubjectName, number[]>>>>;
  /** Resident bytes with the idle streams open. */
  readonly idle?: Partial<Record<SubjectName, number>>;
}

/** A quotient of two subjects over the rounds. */
interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A target, and whether it was reached; `undefined` when it was not measured. */
export interface Verdict {
  readonly goal: string;
  readonly met: boolean | undefined;
}

/** Most times the CPU of nginx. */
const MOST_TIMES_NGINX: Record<ScenarioName, number> = { json: 4.5, sse: 3, body: 3 };
/** How many times more CPU Portkey must need, at least. */
const LEAST_TIMES_LESS_THAN_PORTKEY: Partial<Record<ScenarioName, number>> = { json: 12 };
const MOST_IDLE_BYTES = 130e6;

/** Every goal of the scenarios that were run. */
export function verdicts({ cpu, idle }: Results): Verdict[] {
  const list: Verdict[] = [];
  for (const name of SCENARIO_NAMES) {
    const costs = cpu[name];
    if (!costs) continue;
    const nginx = ratio(costs.router, costs.nginx);
    const most = MOST_TIMES_NGINX[name];
    list.push({ goal: `${SCENARIOS[name].title} ≤ ${most}× nginx`, met: nginx && nginx.median <= most });
    const least = LEAST_TIMES_LESS_THAN_PORTKEY[name];
    if (least === undefined) continue;
    const portkey = ratio(costs.portkey, costs.router);
    list.push({
      goal: `${SCENARIOS[name].title} ≥ ${least}× less than Portkey`,
      met: portkey && portkey.median >= least,
    });
  }
  if (idle) {
    const met = idle.router === undefined ? undefined : idle.router <= MOST_IDLE_BYTES;
    list.push({ goal: `${IDLE.title} ≤ ${megabytes(MOST_IDLE_BYTES)}`, met });
  }
  return list;
}

/** The results as a Markdown table. */
export function table({ cpu, idle }: Results): string {
  const rows = [['', 'router', 'nginx', 'Portkey', 'router ÷ nginx', 'goal', 'Portkey ÷ router', 'goal']];
  for (const name of SCENARIO_NAMES) {
    const costs = cpu[name];
    if (!costs) continue;
    const least = LEAST_TIMES_LESS_THAN_PORTKEY[name];
    rows.push([
      `${SCENARIOS[name].title}, CPU`,
      ...[costs.router, costs.nginx, costs.portkey].map(microseconds),
      range(ratio(costs.router, costs.nginx)),
      `≤ ${MOST_TIMES_NGINX[name]}`,
      range(ratio(costs.portkey, costs.router)),
      least === undefined ? '' : `≥ ${least}`,
    ]);
  }
  if (idle) {
    const cells = [idle.router, idle.nginx, idle.portkey].map(megabytes);
    rows.push([`${IDLE.title}, memory`, ...cells, '', `router ≤ ${megabytes(MOST_IDLE_BYTES)}`, '', '']);
  }
  return layOut(rows);
}

/** `undefined` unless both were measured in the same rounds. */
function ratio(above: readonly number[] | undefined, below: readonly number[] | undefined): Ratio | undefined {
  if (!above?.length || above.length !== below?.length) return undefined;
  const all = above.map((value, round) => value / (below[round] ?? Number.NaN));
  return { median: median(all), min: Math.min(...all), max: Math.max(...all) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

function range(ratio: Ratio | undefined): string {
  if (!ratio) return '–';
  const [middle, low, high] = [ratio.median, ratio.min, ratio.max].map((value) => value.toFixed(value < 10 ? 2 : 1));
  return `${middle} (${low}–${high})`;
}

function microseconds(values: readonly number[] | undefined): string {
  if (!values?.length) return '–';
  const value = median(values);
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} µs`;
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : `${Math.round(bytes / 1e6)} MB`;
}

/** Rows as a Markdown table; the first is its head. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
