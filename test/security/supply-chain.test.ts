import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly files: readonly string[];
}

const read = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const manifest = read('package.json') as Manifest;
const { '': self, ...packages } = (read('package-lock.json') as { packages: Record<string, Locked & Manifest> })
  .packages;
const locked = Object.entries(packages);
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('S31 R6 every package is pinned by its hash, from a registry, and the lockfile is the manifest’s', () => {
  assert.ok(locked.length > 20);
  for (const [path, { integrity, link, resolved }] of locked) {
    assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path);
    assert.equal(link, undefined, path);
    assert.ok(resolved === undefined || resolved.startsWith('https://'), path);
  }
  assert.deepEqual(self?.dependencies, manifest.dependencies);
  assert.deepEqual(self?.devDependencies, manifest.devDependencies);
});

test('S31 direct dependencies are exact versions', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

test('S31 R6 no package that users get runs a script at its installation, and of the others only those allowed', () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript);
  for (const [path, { dev }] of scripted) {
    assert.equal(dev, true, path);
    // Only the package that brings Node may run its script.
    assert.equal(manifest.allowScripts[nameOf(path)], nameOf(path) === 'node', path);
  }
  assert.deepEqual(new Set(Object.keys(manifest.allowScripts)), new Set(scripted.map(([path]) => nameOf(path))));
});

test('S31 few packages come along: a new one is a decision', () => {
  const shipped = locked.filter(([, { dev, optional }]) => !dev && !optional).map(([path]) => nameOf(path));
  assert.ok(Object.keys(manifest.dependencies).length <= 8);
  assert.ok(shipped.length <= 30, shipped.join(' '));
});

test('S31 the package is an allow-list of folders and pages', () => {
  assert.deepEqual(manifest.files, ['dist', 'docs', 'CHANGELOG.md', 'SECURITY.md', 'ARCHITECTURE.md']);
});
