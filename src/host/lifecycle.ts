/** Start and stop of a process's parts: stopped in reverse order, each within a limit of time. */

/** Something that was started and can be stopped; stopping twice is harmless. */
export interface Stoppable {
  stop(): Promise<void>;
}

export interface Lifecycle {
  /** Registers a part; parts stop in reverse order of registration. */
  add(name: string, stop: () => Promise<void> | void): void;
  /** Stops every part once; failures are collected and returned with the part's name. */
  stop(): Promise<readonly { name: string; error: unknown }[]>;
}

export function createLifecycle(): Lifecycle {
  const parts: { name: string; stop: () => Promise<void> | void }[] = [];
  let stopping: Promise<readonly { name: string; error: unknown }[]> | undefined;
  const stopAll = async (): Promise<readonly { name: string; error: unknown }[]> => {
    const failures: { name: string; error: unknown }[] = [];
    for (const part of parts.splice(0).reverse()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push({ name: part.name, error });
      }
    }
    return failures;
  };
  return {
    add: (name, stop) => parts.push({ name, stop }),
    stop: () => (stopping ??= stopAll()),
  };
}

/** Calls `onSignal` at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function onTerminationSignal(onSignal: (signal: NodeJS.Signals) => void): void {
  let seen = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (seen) process.exit(130);
      seen = true;
      onSignal(signal);
    });
  }
}

/** A mistake of the user: printed as one line that says what to do, without a stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What the process ends with. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}
