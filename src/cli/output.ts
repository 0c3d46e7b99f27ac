/** One column of a table: its heading and the least width of its cells. The last column has no width. */
export interface Column {
  readonly heading: string;
  readonly width?: number;
}

/** Writes one line to stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes one line to stderr. */
export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A heading and rows, two spaces apart. Cells are never cut; what would move the cursor is replaced. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const headings = columns.map(({ heading }) => heading);
  return [headings, ...rows]
    .map((cells) => cells.map((cell, i) => oneLine(cell).padEnd(columns[i]?.width ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A text for one line of a terminal: control characters become `?`, so that no file name or label can drive it. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
