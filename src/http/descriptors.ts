/** Descriptors for everything that is no connection of a client or of its request: files, listeners, health checks. */
const RESERVED = 192;

/**
 * How many client connections the descriptors of this process allow: each may need a second one for its upstream. `wanted` when
 * that is less, or when the limit cannot be known.
 */
export function affordableConnections(wanted: number): number {
  const limit = openFilesLimit();
  return limit === undefined ? wanted : Math.max(1, Math.min(wanted, Math.floor((limit - RESERVED) / 2)));
}

function openFilesLimit(): number | undefined {
  // The report would look up the names of all peers, and waits for the answers. The type of the setting is not declared.
  const report: typeof process.report & { excludeNetwork?: boolean } = process.report;
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}
