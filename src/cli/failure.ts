import { CommanderError } from 'commander';
import { ConfigError, messageOf, RouterError } from '../errors.ts';
import { oneLine } from './output.ts';

/** Exit code for a failure that is not the caller's: the machine, the network, a file. */
export const EXIT_FAILED = 1;
/** Exit code for wrong use: an unknown flag, a wrong value, an unknown id. */
export const EXIT_USAGE = 2;

/** What the end of a failed command says. `message` is `undefined` where it has been said already. */
export interface Failure {
  readonly exitCode: number;
  readonly message: string | undefined;
}

/** Turns whatever a command threw into an exit code and one line. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE, message: undefined };
  }
  if (error instanceof ConfigError) return { exitCode: error.exitCode, message: oneLine(error.message) };
  if (error instanceof RouterError && error.kind.status === 400) {
    return { exitCode: EXIT_USAGE, message: oneLine(error.message) };
  }
  return { exitCode: EXIT_FAILED, message: oneLine(listenProblem(error) ?? messageOf(error)) };
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; choose another with --port (ROUTER_PORT)',
  EADDRNOTAVAIL: 'this machine has no such address; see --host (ROUTER_HOST)',
  EACCES: 'this user may not listen on that port; choose one from 1024 on with --port (ROUTER_PORT)',
  ENOTFOUND: 'the host name is unknown; see --host (ROUTER_HOST)',
};

/** `listen` of node:net and the look-up of the host before it put the system call and the address on their errors. */
function listenProblem(error: unknown): string | undefined {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return undefined;
  if (error.syscall !== 'listen' && error.syscall !== 'getaddrinfo') return undefined;
  const problem = LISTEN_PROBLEMS[String(error.code)];
  if (problem === undefined) return undefined;
  const host = 'address' in error ? String(error.address) : 'hostname' in error ? String(error.hostname) : 'the host';
  const port = 'port' in error ? ` port ${String(error.port)}` : '';
  return `cannot listen on ${host}${port}: ${problem}`;
}
