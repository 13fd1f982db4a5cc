import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Takes lines "+ pid" and "- pid" until there are no more, which is when whoever writes them has ended, and then kills who is left. A shell,
 * because all there is to do is to wait, and that costs a megabyte.
 */
const watch = `
left=' '
while read -r sign pid; do
  case $sign in
    +) left="$left$pid " ;;
    -) left="\${left%%" $pid "*} \${left#*" $pid "}" ;;
  esac
done
for pid in $left; do kill -KILL "$pid"; done
`;

let watcher: Socket | undefined;

function tellWatcher(line: string): void {
  watcher ??= startWatcher();
  watcher.write(`${line}\n`);
}

function startWatcher(): Socket {
  // A group of its own: what is sent to all of ours (Ctrl-C, an impatient CI's SIGKILL) must not reach it.
  const shell = spawn('sh', ['-c', watch], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  const input = shell.stdin as Socket; // what a pipe is
  input.unref();
  input.on('error', () => undefined); // somebody ended the shell: no reason to fail a test
  return input;
}

/**
 * Kills the child with SIGKILL when this process ends, however that comes: one that is itself killed the hard way, or that the kernel takes
 * for want of memory, runs no exit handler, and what it has started would stay for ever.
 */
export function endsWithUs<T extends ChildProcess>(child: T): T {
  const { pid } = child;
  if (pid === undefined) return child; // could not be started: the child's `error` says why
  tellWatcher(`+ ${pid}`);
  child.once('exit', () => tellWatcher(`- ${pid}`)); // the number may soon be somebody else's
  return child;
}
