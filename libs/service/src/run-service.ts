/**
 * A service as a process: environment in, signals and exit status.
 *
 * Together with `main.ts` the only place that touches `process`; what happens in between is life.ts.
 * Stopping ends: after `drainMs` and `STOP_GRACE_MS` the process exits whatever is left, and a second signal
 * ends it at once.
 */
import { Socket } from 'node:net';
import { MillraceError, type Reason } from '@millrace/errors';
import { createLogger } from '@millrace/telemetry';
import { commonSettings } from './common-settings.ts';
import type { CommonConfig, ServiceOptions } from './composition.ts';
import { readConfiguration, redact, type ConfigOf, type Environment, type Schema } from './configuration.ts';
import { STOP_GRACE_MS, createLife } from './life.ts';

/** How a service process ends, in sysexits' numbers where they have one. */
export const EXIT = { stopped: 0, failed: 1, defect: 70, configuration: 78 } as const;

/** Starting again does not help. */
const NEEDS_A_PERSON: ReadonlySet<string> = new Set<Reason>(['configuration-invalid', 'durability-insufficient']);

/** Runs a service until it is told to stop; returns only by ending the process. */
export async function runService<S extends Schema = Record<never, never>>(options: ServiceOptions<S>): Promise<void> {
  let configuration: { readonly common: CommonConfig; readonly own: ConfigOf<S> };
  try {
    configuration = configure(options, process.env);
  } catch (error) {
    const logger = createLogger({ service: options.name, instance: process.env['MILLRACE_INSTANCE'] ?? `${options.name}-1` });
    logger.error('The configuration is wrong', { error });
    logger.flush();
    process.stderr.write(`${options.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(EXIT.configuration);
  }

  const { common, own } = configuration;
  const logger = createLogger({ service: options.name, instance: common.instance, level: common.logLevel });
  const exit = (code: number): never => {
    logger.flush();
    process.exit(code);
  };
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.error('A defect ends the process', { event, error });
      exit(EXIT.defect);
    });
  }

  const life = createLife(options, { ...common, ...own }, logger);
  let signalled = false;
  const stop = (reason: string, code: number): void => {
    if (signalled) return exit(EXIT.failed);
    signalled = true;
    logger.info('Stopping', { reason });
    setTimeout(() => {
      logger.error('The process did not stop in its time', { limitMs: common.drainMs + STOP_GRACE_MS });
      exit(EXIT.failed);
    }, common.drainMs + STOP_GRACE_MS);
    void life.stop().then(() => {
      logger.info('Stopped');
      exit(code);
    });
  };
  // Whoever started the process may accept connections for it, over the channel between the two.
  process.on('message', (message: unknown, connection: unknown) => {
    const protocol = (message as { readonly take?: unknown } | null)?.take;
    if ((protocol === 'http' || protocol === 'grpc') && connection instanceof Socket) life.take(protocol, connection);
  });
  process.on('SIGTERM', () => stop('SIGTERM', EXIT.stopped));
  process.on('SIGINT', () => stop('SIGINT', EXIT.stopped));

  logger.info('Starting', { version: options.version, pid: process.pid, config: { ...redact(common), ...redact(own) } });
  try {
    const reached = await life.start(
      () => stop('Another process has taken the name of this instance', EXIT.failed),
      (error) => {
        logger.error('The database is not as durable as required', { error });
        stop('The database is not as durable as required', EXIT.configuration);
      },
      (reason) => stop(reason, EXIT.failed),
    );
    if (reached === undefined) return;
    const { user, system } = process.cpuUsage();
    logger.info('Ready', { ...reached, startedMs: Math.round(performance.now()), cpuMs: Math.round((user + system) / 1_000) });
  } catch (error) {
    // What fails because the process is already stopping is no failure.
    if (signalled) return;
    logger.error('The service did not start', { error });
    exit(error instanceof MillraceError && NEEDS_A_PERSON.has(error.reason) ? EXIT.configuration : EXIT.failed);
  }
}

/** Reads common and own settings; problems of both are told together. */
function configure<S extends Schema>(options: ServiceOptions<S>, environment: Environment): { readonly common: CommonConfig; readonly own: ConfigOf<S> } {
  const { configure: own } = options;
  const common = commonSettings(options.name);
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'configuration-invalid') throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const commonRead = attempt(() => readConfiguration(common, environment));
  const ownRead = attempt(() => (typeof own === 'function' ? own(environment) : readConfiguration((own ?? {}) as S, environment)));
  if (commonRead === undefined || ownRead === undefined) throw new MillraceError('configuration-invalid', { message: problems.join('\n') });
  return { common: commonRead, own: ownRead };
}
