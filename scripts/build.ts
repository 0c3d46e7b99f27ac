/**
 * Writes `dist/`: the command and the library, each with all that it loads in a few files. Node reads, parses and keeps every module
 * that a program imports; of the libraries, most of that is never run. Bundled, the process starts sooner and is smaller.
 *
 * What is bundled stays among the package's dependencies, pinned to the same versions: audits see it, and types resolve.
 */
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = new URL('../dist/', import.meta.url);
const LICENCE = /^(?:licen[cs]e|copying)(?:\.\w+)?$/i;

/** Some libraries are CommonJS and ask for Node's modules by `require`, which a module does not have. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module';const require = requireFrom(import.meta.url);`;

await rm(DIST, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/main.ts', 'src/index.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  banner: { js: REQUIRE },
  // Names stay, so that a stack trace can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
await chmod(new URL('main.js', DIST), 0o755);
await writeFile(new URL('THIRD-PARTY-LICENSES.txt', DIST), await licencesOf(Object.keys(metafile.inputs)));

/** The licences of the bundled libraries, which ask that their notices go along. */
async function licencesOf(inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = Array.from(folders)
    .toSorted()
    .map(async (folder) => {
      const file = (await readdir(join(ROOT, folder))).find((name) => LICENCE.test(name));
      if (file === undefined) throw new Error(`${folder} has no licence file`);
      return `${folder.replace(/^.*node_modules\//, '')}\n\n${(await readFile(join(ROOT, folder, file), 'utf8')).trim()}\n`;
    });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}
