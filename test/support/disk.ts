import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './temp.ts';

const MOUNT = '/usr/bin/mount';
const UMOUNT = '/usr/bin/umount';
const STRACE = '/usr/bin/strace';

/** Why no small disk can be mounted here; `false` when one can. */
export const noMount = canMount() ? false : 'mounting a tmpfs needs root and the right to mount';
/** Why no system call can be made to fail here; `false` when they can. */
export const noStrace = canTrace() ? false : `no ${STRACE} that may trace: install the Debian package strace`;

/** A file system of `size` (as in `mount -o size=`) in memory. Unmounted with the test. */
export function smallDisk(t: Cleanup, size: string): { readonly path: string; fill(): void; free(): void } {
  const path = mkdtempSync(join(tmpdir(), 'router-disk-'));
  mount(['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'none', path]);
  t.after(() => {
    spawnSync(UMOUNT, ['-l', path]);
    rmSync(path, { recursive: true, force: true });
  });
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      for (let bytes = 1 << 20; bytes >= 4096; bytes >>= 1) {
        for (let index = 0; ; index += 1) {
          try {
            mkdirSync(ballast, { recursive: true });
            writeFileSync(join(ballast, `${bytes}-${index}`), Buffer.alloc(bytes), { flag: 'wx' });
          } catch {
            break;
          }
        }
      }
    },
    free: () => rmSync(ballast, { recursive: true }),
  };
}

/** Mounts read-only what is mounted at `path`. */
export function makeReadOnly(path: string): void {
  mount(['-o', 'remount,ro', path]);
}

/** While it is attached, the system calls of the process fail. Returns what detaches it. */
export async function failCalls(t: Cleanup, pid: number, calls: string, error: string): Promise<() => Promise<void>> {
  const tracer = spawn(
    STRACE,
    ['-f', '-q', '-p', String(pid), '-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}`],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = once(tracer, 'close');
  t.after(() => void tracer.kill('SIGKILL'));
  while (tracerOf(pid) !== tracer.pid) {
    if (tracer.exitCode !== null) throw new Error('strace ended');
    await sleep(10);
  }
  return async () => {
    tracer.kill('SIGINT');
    await ended;
  };
}

/** The process that traces another one; 0 when there is none. */
function tracerOf(pid: number): number {
  return Number(/^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync(MOUNT, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
}

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'router-disk-'));
  const mounted = spawnSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'none', path]).status === 0;
  if (mounted) spawnSync(UMOUNT, [path]);
  rmSync(path, { recursive: true });
  return mounted;
}

function canTrace(): boolean {
  return existsSync(STRACE) && spawnSync(STRACE, ['-o', '/dev/null', 'true']).status === 0;
}
