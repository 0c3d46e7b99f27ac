/** One figure with its goal. */
export interface Check {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly most?: number;
  readonly least?: number;
}

/** What one load showed. */
export interface Verdict {
  readonly id: string;
  readonly load: string;
  readonly checks: readonly Check[];
}

export const atMost = (name: string, value: number, most: number, unit = ''): Check => ({ name, value, unit, most });
export const atLeast = (name: string, value: number, least: number, unit = ''): Check => ({ name, value, unit, least });

export const isMet = ({ value, most, least }: Check): boolean =>
  value <= (most ?? Number.POSITIVE_INFINITY) && value >= (least ?? Number.NEGATIVE_INFINITY);

/** Rows of a table, the head first. A missed goal is set in bold. */
export function rowsOf(verdicts: readonly Verdict[]): string[][] {
  return [
    ['case', 'load', 'measured', 'goal'],
    ...verdicts.map(({ id, load, checks }) => [
      id,
      load,
      checks.map((check) => (isMet(check) ? measured(check) : `**${measured(check)}**`)).join(', '),
      checks.map(goal).join(', '),
    ]),
  ];
}

/** For a line of a terminal. */
export const describe = (check: Check): string => `${measured(check)} (${limit(check)})`;

const measured = ({ name, value, unit }: Check) => `${name} ${rounded(value)}${unit}`;
const limit = ({ unit, most, least }: Check) =>
  most === undefined ? `≥ ${rounded(least ?? 0)}${unit}` : `≤ ${rounded(most)}${unit}`;
const goal = (check: Check) => `${check.name} ${limit(check)}`;

function rounded(value: number): string {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value < 10 ? 2 : 1);
}
