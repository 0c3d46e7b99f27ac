/** What one check of the doctor found. */
export interface Finding {
  readonly check: string;
  /** `broken` keeps the router from its work, `warn` does not. */
  readonly status: 'ok' | 'warn' | 'broken';
  readonly detail: string;
  /** How to mend it, where `detail` does not say it. */
  readonly mend?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });

export const warn = (check: string, detail: string, mend?: string): Finding =>
  mend === undefined ? { check, status: 'warn', detail } : { check, status: 'warn', detail, mend };

export const broken = (check: string, detail: string, mend: string): Finding => ({
  check,
  status: 'broken',
  detail,
  mend,
});
