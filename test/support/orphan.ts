// A worker whose vitest was killed the hard way has nobody to work for: without this it would go on, and wait for ever in the end.
// Not by `process.exit`, which vitest makes an error of.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
