import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The certificates in the file, PEM; null where no file is named or where `problems` has got a line about it. */
export function readCertificates(name: string, path: string | undefined, problems: string[]): string | null {
  if (path === undefined) return null;
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    problems.push(`${name}=${path} cannot be read (${reason}): set it to a file with certificates in PEM form`);
    return null;
  }
  try {
    void new X509Certificate(pem); // reads the first of them; the TLS layer takes them all
    return pem;
  } catch {
    problems.push(`${name}=${path} holds no certificate: set it to a file with certificates in PEM form`);
    return null;
  }
}
