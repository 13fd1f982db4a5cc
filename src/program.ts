import { startApp } from './app.ts';
import { readCommandLine } from './cli.ts';
import { ConfigError, loadConfig } from './config.ts';
import { welcome } from './embedded/welcome.ts';
import { createLogger, type Logger } from './operations/logger.ts';
import { releaseStartMemory } from './operations/memory.ts';

/** sysexits has nothing for it; 2 is what shells and getopt use for "asked for wrongly". */
const exitMisused = 2;
const exitFailed = 1;
/** The app promises 10 s; a stop that hangs must not keep an orchestrator waiting for its SIGKILL. */
const stopWithinMs = 9_500;

/** A reader of our output that goes away (`| head`) is no reason to die: the work goes on unseen. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

async function main(argv: readonly string[]): Promise<void> {
  const command = readCommandLine(argv);
  if (command.do === 'print') {
    process.stdout.write(command.text.endsWith('\n') ? command.text : `${command.text}\n`);
    return;
  }
  if (command.do === 'refuse') {
    process.stderr.write(`${command.text}\n`);
    process.exitCode = exitMisused;
    return;
  }
  const config = loadConfig(undefined, command.argv);
  const logger = createLogger(config.logLevel);
  for (const warning of config.warnings) logger.warn({}, warning);
  if (config.mode === 'embedded') logger.warn({}, 'embedded mode: nothing is kept when this process ends');

  const app = await startApp(config, {
    logger,
    onUnusable(error) {
      logger.error({ reason: error.message }, 'cannot run like this');
      fail(error, exitFailed);
    },
  });
  stopOnSignals(() => app.stop(), logger);
  releaseStartMemory(); // before anybody is told to come
  logger.info({ url: app.url, role: config.role, mode: config.mode }, 'ready');
  if (config.mode === 'embedded') process.stderr.write(welcome(app.url, config.gateway.graphiql));
}

function stopOnSignals(stop: () => Promise<void>, logger: Logger): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) {
      logger.warn({ signal }, 'stopping at once');
      process.exit(exitFailed);
    }
    stopping = true;
    logger.info({ signal }, 'draining; a second signal stops at once');
    setTimeout(() => {
      logger.error({}, 'draining took too long, stopping without');
      process.exit(exitFailed);
    }, stopWithinMs).unref();
    stop().then(
      () => {
        logger.info({}, 'stopped');
        process.exit(0);
      },
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        process.exit(exitFailed);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function fail(error: unknown, exitCode: number): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCode);
}

outliveReaders();
main(process.argv.slice(2)).catch((error: unknown) => fail(error, error instanceof ConfigError ? exitMisused : exitFailed));
