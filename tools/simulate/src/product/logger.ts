/** Where the product's logs go in a run: nowhere, a listener, or both. */
import type { Logger } from '@millrace/telemetry';

export type LogLine = (level: 'debug' | 'info' | 'warn' | 'error', message: string, attributes: Readonly<Record<string, unknown>>) => void;

export function loggerTo(line: LogLine): Logger {
  const logger: Logger = {
    debug: (message, attributes = {}) => line('debug', message, attributes),
    info: (message, attributes = {}) => line('info', message, attributes),
    warn: (message, attributes = {}) => line('warn', message, attributes),
    error: (message, attributes = {}) => line('error', message, attributes),
    child: () => logger,
    flush: () => undefined,
  };
  return logger;
}
