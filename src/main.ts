import { createRequire } from 'node:module';

// Where everybody starts: people, containers, the launcher. Nothing of ours may be imported above: on a Node that is too old for the
// program that would be a syntax error, where the launcher has a Node that is not, or a sentence. The versions are the launcher's.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18)) {
  // A launcher that is killed the hard way must not leave its server behind: the server drains when the channel breaks.
  if (process.connected) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
  await import('./program.ts');
} else createRequire(import.meta.url)('../bin/lifeline.cjs');
