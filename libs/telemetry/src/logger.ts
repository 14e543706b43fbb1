/**
 * Structured logs: JSON, one object a line, on standard output.
 *
 * Owns the fields every line has and how an error is written. Messages are constant sentences; whatever
 * varies is an attribute, so that lines can be counted by message. Nothing here redacts: secrets never get
 * this far (they are handles until the worker resolves them).
 */
import { pino, type DestinationStream, type Logger as Pino } from 'pino';
import { describeError } from './describe-error.ts';

/** Bytes held while standard output does not drain; what comes on top is dropped, the process goes on. */
export const LOG_BUFFER_BYTES_MAX = 16 * 1024 * 1024;

/** `error` means that a person must act. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogAttributes = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, attributes?: LogAttributes): void;
  info(message: string, attributes?: LogAttributes): void;
  warn(message: string, attributes?: LogAttributes): void;
  error(message: string, attributes?: LogAttributes): void;
  /** A logger that adds these attributes (`traceId` and `spanId`, say) to every line. */
  child(attributes: LogAttributes): Logger;
  /** Writes what is buffered, synchronously; for the last lines of a process. */
  flush(): void;
}

export interface LoggerOptions {
  readonly service: string;
  readonly instance: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Where lines go instead of standard output. */
  readonly destination?: { write(line: string): void };
}

/** Makes the logger of a process. */
export function createLogger({ service, instance, level = 'info', destination }: LoggerOptions): Logger {
  const stdout = destination === undefined ? pino.destination({ fd: 1, sync: false, maxLength: LOG_BUFFER_BYTES_MAX }) : undefined;
  const sink: DestinationStream = destination ?? (stdout as DestinationStream);
  const root = pino(
    {
      level,
      base: { service, instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return wrap(root, () => stdout?.flushSync());
}

function wrap(target: Pino, flush: () => void): Logger {
  const log = (level: Exclude<LogLevel, 'silent'>) => (message: string, attributes?: LogAttributes): void => {
    if (attributes === undefined) target[level](message);
    else if (target.isLevelEnabled(level)) target[level](presentable(attributes), message);
  };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (attributes) => wrap(target.child(presentable(attributes)), flush),
    flush,
  };
}

/** Every line has these once; an attribute of the same name would be a second member of the JSON object. */
const RESERVED: ReadonlySet<string> = new Set(['time', 'level', 'service', 'instance', 'msg']);

function presentable(attributes: LogAttributes): Record<string, unknown> {
  const lines: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(attributes)) {
    lines[RESERVED.has(name) ? `attribute.${name}` : name] = value instanceof Error ? describeError(value) : value;
  }
  return lines;
}
