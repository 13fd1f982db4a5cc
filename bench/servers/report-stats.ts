/** Preloaded into a process of the product: what it costs, told over IPC, because only the process itself can collect its garbage. */
import { ownStats } from './server.ts';

process.on('message', ({ gc }: { readonly gc: boolean }) => {
  void ownStats(gc).then((stats) => process.send?.(stats));
});
