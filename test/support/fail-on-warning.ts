/** `--import`ed into processes under test: a warning of Node is an error, as it is in the tests themselves. */
process.on('warning', (warning) => {
  process.stderr.write(`warning: ${warning.stack ?? warning.message}\n`);
  process.exit(70);
});
