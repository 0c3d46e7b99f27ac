import type { ChildProcess } from 'node:child_process';

/** Something to measure: it listens on loopback and is ready. */
export interface Subject {
  readonly child: ChildProcess;
  /** Where the load goes: the Messages endpoint. */
  readonly url: string;
  /** What its client sends, besides the content type. */
  readonly headers: Readonly<Record<string, string>>;
}

interface SubjectOptions {
  /** `http://127.0.0.1:PORT` of the upstream. */
  readonly upstream: string;
  /** An empty folder for its files. */
  readonly folder: string;
  /** More settings, and arguments of Node, for whoever wants another router than the default one. */
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
  /** A channel for messages beside its output. */
  readonly withChannel?: boolean;
}

export type SubjectName = 'router' | 'nginx' | 'portkey';

/** A kind of subject. */
export interface SubjectKind {
  readonly name: SubjectName;
  readonly title: string;
  /** Share of a scenario's requests that it is given: with all of them a slow one would take minutes. */
  readonly share: number;
  /** Undefined when it can be used, else the reason in one sentence. May install what it needs. */
  missing(): Promise<string | undefined>;
  start(options: SubjectOptions): Promise<Subject>;
}

/** The credential that a gateway adds for its client. */
export const UPSTREAM_KEY = 'sk-ant-api03-benchmark-key-of-no-value';

/** Milliseconds that a subject has to come up. */
export const START_MS = 20_000;
