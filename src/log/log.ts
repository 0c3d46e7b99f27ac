import { type DestinationStream, type Logger, pino } from 'pino';
import { LogSink } from './sink.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly level: 'debug' | 'info';
  /** Every line passes through it before it is written. */
  readonly redact: (text: string) => string;
  /** Standard error by default. */
  readonly destination?: DestinationStream | undefined;
}

/** The file descriptor of standard error. */
const STANDARD_ERROR = 2;

export interface Log {
  readonly log: Logger;
  /** Writes what waits, as far as somebody reads it. */
  readonly close: () => Promise<void>;
}

/** JSON lines, one per event, redacted at the sink. */
export function createLog(options: LogOptions): Log {
  const own = options.destination ? undefined : new LogSink(STANDARD_ERROR);
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      hooks: { streamWrite: (line) => inert(options.redact(line)) },
    },
    own ?? options.destination!,
  );
  return { log, close: async () => own?.close() };
}

let clock = 0;
let clockText = '';

/** As `pino.stdTimeFunctions.isoTime`, but a text serves all the lines of its millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== clock) {
    clock = now;
    clockText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return clockText;
}

/**
 * Characters that JSON leaves as they are and that a terminal or a log reader acts on: line ends of Unicode, 8-bit control
 * sequences, invisible and reordering marks. A client chooses the name of a model.
 */
const ACTIVE = /[\x7f-\x9f\u2028\u2029\p{Cf}]/gu;

function inert(line: string): string {
  return line.replace(ACTIVE, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/**
 * The parts of an error that may be logged. The errors of HTTP libraries carry requests, headers and configuration with
 * them: those stay out.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
    ...(EXPECTED.has(error.name) ? {} : { stack: error.stack }),
  };
}

/** Errors whose stack tells nothing that their name does not. */
const EXPECTED = new Set(['RouterError', 'ConfigError', 'SocketError', 'ConnectTimeoutError', 'JsonScanError']);
