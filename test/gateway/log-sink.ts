/** A logger that keeps every line, so that a test can look for what must not be in one. */
import type { LogFields, Logger } from '../../src/telemetry/index.ts';

export interface LogSink {
  readonly logger: Logger;
  readonly lines: {
    readonly level: string;
    readonly message: string;
    readonly fields: LogFields;
  }[];
  /** Everything, as it would be written. */
  text(): string;
}

export function createLogSink(): LogSink {
  const lines: LogSink['lines'] = [];
  const create = (bound: LogFields): Logger => {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void lines.push({ level, message, fields: { ...bound, ...fields } });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => create({ ...bound, ...fields }),
    };
  };
  return { logger: create({}), lines, text: () => JSON.stringify(lines) };
}
