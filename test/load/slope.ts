/** A straight line through samples. */
export interface Slope {
  readonly perHour: number;
  /** Two standard errors: the true slope is within `perHour` ± this, 19 times of 20. */
  readonly doubt: number;
}

/** Least squares. `at` in milliseconds. */
export function slopeOf(samples: readonly { readonly at: number; readonly value: number }[]): Slope {
  const count = samples.length;
  if (count < 3) return { perHour: Number.NaN, doubt: Number.NaN };
  const hours = samples.map(({ at }) => at / 3_600_000);
  const meanTime = hours.reduce((a, b) => a + b, 0) / count;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / count;
  let xx = 0;
  let xy = 0;
  samples.forEach(({ value }, i) => {
    const x = (hours[i] ?? 0) - meanTime;
    xx += x * x;
    xy += x * (value - mean);
  });
  const perHour = xy / xx;
  const residues = samples.map(({ value }, i) => value - mean - perHour * ((hours[i] ?? 0) - meanTime));
  const variance = residues.reduce((sum, residue) => sum + residue * residue, 0) / (count - 2);
  return { perHour, doubt: 2 * Math.sqrt(variance / xx) };
}
