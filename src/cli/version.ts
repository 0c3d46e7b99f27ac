import manifest from '../../package.json' with { type: 'json' };

/** The version of the package that this file belongs to, built or not. */
export function readVersion(): string {
  return manifest.version;
}
