import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Cleanup, temporaryFolder } from './temp.ts';

const run = promisify(execFile);

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Certificates that are made for one test, by `openssl` (and `faketime`, for the one of yesterday). */
export interface Certificates {
  /** Of the authority that signed all but `selfSigned`. */
  readonly ca: string;
  /** For `localhost` and 127.0.0.1. */
  readonly good: Certificate;
  readonly expired: Certificate;
  /** For another host. */
  readonly foreign: Certificate;
  readonly selfSigned: Certificate;
}

export async function makeCertificates(t: Cleanup): Promise<Certificates> {
  const folder = await temporaryFolder(t);
  const file = (name: string) => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const openssl = (...args: string[]) => run('openssl', args);
  const load = async (name: string) => ({
    key: await readFile(file(`${name}.key`), 'utf8'),
    cert: await readFile(file(`${name}.pem`), 'utf8'),
  });
  const selfSigned = async (name: string, subject: string) => {
    await openssl(
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      '-subj',
      subject,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.pem`),
    );
    return load(name);
  };
  const signed = async (name: string, names: string, command: readonly [string, ...string[]] = ['openssl']) => {
    await openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
    await writeFile(file(`${name}.ext`), `subjectAltName=${names}\n`);
    const [program, ...before] = command;
    const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
    const files = ['-in', file(`${name}.csr`), '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`)];
    await run(program, [...before, 'x509', '-req', '-days', '1', ...authority, ...files]);
    return load(name);
  };
  const { cert: ca } = await selfSigned('ca', '/CN=authority of a test');
  return {
    ca,
    good: await signed('good', 'DNS:localhost,IP:127.0.0.1'),
    expired: await signed('expired', 'DNS:localhost,IP:127.0.0.1', ['faketime', '-f', '-3d', 'openssl']),
    foreign: await signed('foreign', 'DNS:elsewhere.example'),
    selfSigned: await selfSigned('self', '/CN=localhost'),
  };
}
