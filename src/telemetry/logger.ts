/** Structured logging: constant messages with key/values; context is bound once in a child. */
import { pino, type Logger as PinoLogger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
export type LogFields = Readonly<Record<string, unknown>>;

/** What every component logs through. Messages are constant text; what varies goes into `fields`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  child(fields: LogFields): Logger;
}

/** Keys whose values never reach a log, wherever they stand in the fields. */
const REDACTED = ['authorization', 'cookie', 'key', 'password', 'secret', 'token'].flatMap(
  (key) => [key, `*.${key}`, `*.*.${key}`],
);

export interface LoggerOptions {
  readonly name: string;
  readonly level?: LogLevel;
  /** Appended to instead of standard error, which is the default so that standard output stays for results. */
  readonly file?: string;
}

/** One JSON line per event, on standard error or in a file. */
export function createLogger(options: LoggerOptions): Logger {
  const base = pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
      serializers: { session: beginningOf },
    },
    pino.destination({ dest: options.file ?? 2, sync: true }),
  );
  return wrap(base);
}

/** Enough to find a session's lines; the whole id would let a reader of the log go on with the session. */
const beginningOf = (id: unknown): string => String(id).slice(0, 8);

function wrap(logger: PinoLogger<never, boolean>): Logger {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/** Discards everything; for tests and pure runs. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
