import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const PAGE_BYTES = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

/** The fields of `/proc/PID/stat` that count here (proc_pid_stat(5)). Times hold all threads of the process. */
interface Stat {
  readonly parent: number;
  /** User and system time, in seconds. */
  readonly cpu: number;
  /** Resident memory, in bytes. Pages that processes share count for each. */
  readonly memory: number;
}

/** CPU time in seconds that a process and its descendants have used. */
export function cpuOf(pid: number): number {
  return family(pid).reduce((sum, { cpu }) => sum + cpu, 0);
}

/** Resident memory in bytes of a process and its descendants. */
export function memoryOf(pid: number): number {
  return family(pid).reduce((sum, { memory }) => sum + memory, 0);
}

function family(root: number): Stat[] {
  const all = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(Number(name)) : undefined;
    if (stat) all.set(Number(name), stat);
  }
  const members = new Set([root]);
  // A set also visits what is added on the way.
  for (const pid of members) {
    for (const [child, { parent }] of all) if (parent === pid) members.add(child);
  }
  return Array.from(members, (pid) => {
    const stat = all.get(pid);
    if (!stat) throw new Error(`process ${pid} has ended`);
    return stat;
  });
}

/** `undefined` for a process that ended meanwhile. */
function read(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is a name in parentheses, with anything in it. What follows starts with field 3.
  const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(rest[number - 3]);
  return { parent: field(4), cpu: (field(14) + field(15)) / TICKS_PER_SECOND, memory: field(24) * PAGE_BYTES };
}
