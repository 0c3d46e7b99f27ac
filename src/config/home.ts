import { isAbsolute, join, resolve } from 'node:path';

/** Stands in for the home folder of a service that has none. */
const SERVICE_HOME = '/var/lib/link-assistant-router';

/** The home folder of an environment. */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['HOME'];
  return home && isAbsolute(home) ? home : SERVICE_HOME;
}

/** The two folders of a configuration, absolute: `~/` stands for `home`, a relative path starts at `cwd`. */
export function resolveFolders(
  folders: { readonly dataDir?: string | undefined; readonly claudeCodeHome?: string | undefined },
  home: string,
  cwd: string,
): { dataDir: string; claudeCodeHome: string } {
  const absolute = (path: string) =>
    resolve(
      cwd,
      path.replace(/^~(?=\/|$)/, () => home),
    );
  return {
    dataDir: absolute(folders.dataDir ?? join(home, '.link-assistant-router')),
    claudeCodeHome: absolute(folders.claudeCodeHome ?? join(home, '.claude')),
  };
}
