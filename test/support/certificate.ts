import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate for 127.0.0.1 that signs itself, in files that `remove` removes. */
export async function makeCertificate() {
  const dir = await mkdtemp(join(tmpdir(), 'lifeline-tls-'));
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const who = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', ...what, ...who, '-keyout', key, '-out', cert]);
  return {
    files: { cert, key, ca: cert },
    pem: await readFile(cert, 'utf8'),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
