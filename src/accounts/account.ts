/** One upstream credential of the operator, as the pool sees it. */
export interface Account {
  /** Name in tokens (`account`), logs and metrics: `api-key`, `oauth-token`, `primary`. */
  readonly name: string;
  readonly credential: CredentialSource;
}

/** Where the secret of an account comes from. Reading is synchronous and cheap: it happens for every request. */
export interface CredentialSource {
  /** `environment` or the path of a file: for the operator's own terminal, never for an HTTP answer. */
  readonly origin: string;
  /** The secret to use now; the last good one while the file is broken; `undefined` when there never was one. */
  current(): string | undefined;
  /** What is wrong with it and how to mend it, in one sentence; `undefined` when it is well. Holds no secret. */
  problem(): string | undefined;
  /** Reads it anew now. Whether the secret is another one than before. */
  reload(): boolean;
  /** Stops watching. */
  close(): void;
}

/** A credential that does not change while the process runs. */
export function fixedCredential(secret: string): CredentialSource {
  return {
    origin: 'environment',
    current: () => secret,
    problem: () => undefined,
    reload: () => false,
    close: () => {},
  };
}
