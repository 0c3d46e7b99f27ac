import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, EXIT_CONFIG, messageOf } from '../errors.ts';

const GROUP_AND_OTHERS = 0o077;
const OWNER_WRITES = 0o200;

/**
 * Makes the data folder (0700), or checks the one that is there: a folder of ours, writable, and closed to others, as is
 * every file in it. `fix` closes open modes instead of refusing them. Throws a `ConfigError` in one line otherwise.
 */
export function prepareDataDir(path: string, fix: boolean): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw refuse(`cannot make the data folder ${path}: ${messageOf(error)}`);
  }
  const findings = inspectDataDir(path);
  for (const finding of findings) {
    if (!fix || finding.mode === undefined) throw refuse(`${finding.problem}. ${finding.mend}`);
    chmodSync(finding.path, finding.mode);
  }
}

/** What is wrong with a data folder, and how to mend it. */
export interface DataDirFinding {
  readonly path: string;
  readonly problem: string;
  readonly mend: string;
  /** The mode that would mend it, where a mode is what is wrong. */
  readonly mode?: number;
}

/** Looks at an existing data folder and changes nothing. */
export function inspectDataDir(path: string): DataDirFinding[] {
  const findings: DataDirFinding[] = [];
  const folder = lstatSync(path);
  if (!folder.isDirectory()) {
    return [{ path, problem: `the data folder ${path} is not a folder`, mend: 'Set DATA_DIR to a folder.' }];
  }
  const me = process.getuid?.();
  if (me !== undefined && folder.uid !== me) {
    findings.push({
      path,
      problem: `the data folder ${path} belongs to another user`,
      mend: 'Run as its owner, or set DATA_DIR to a folder of your own.',
    });
  }
  if (!isWritable(path, folder)) {
    findings.push({ path, problem: `the data folder ${path} is read-only`, mend: `chmod u+w ${path}` });
  }
  if (folder.mode & GROUP_AND_OTHERS) findings.push(openMode(path, folder, 0o700));
  for (const name of readdirSync(path)) {
    const file = join(path, name);
    const stats = lstatSync(file);
    if (stats.isFile() && stats.mode & GROUP_AND_OTHERS) findings.push(openMode(file, stats, 0o600));
  }
  return findings;
}

function openMode(path: string, stats: Stats, mode: number): DataDirFinding {
  const now = (stats.mode & 0o777).toString(8).padStart(4, '0');
  return {
    path,
    mode,
    problem: `${path} has mode ${now}, so others on this machine can reach it`,
    mend: `chmod ${mode.toString(8)} ${path}, or start with --fix-perms`,
  };
}

/** The mode is asked too, because root may write where the mode forbids it, and a mode without `w` means "leave it". */
function isWritable(path: string, stats: Stats): boolean {
  if (!(stats.mode & OWNER_WRITES)) return false;
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function refuse(text: string): ConfigError {
  return new ConfigError(text, EXIT_CONFIG);
}
