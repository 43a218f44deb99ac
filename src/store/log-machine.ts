/** The state machine as the log sees it: bytes in, bytes out, and a word to the rest of the store after each change. */
import { InvariantError } from '../std/index.ts';
import { decodeCommand, type Command, type DecodeFailure } from './core/command.ts';
import type { Outcome, StateMachine } from './core/machine.ts';
import type { LogEntry, LogMachine } from './ports.ts';

export interface MachineObserver {
  applied(command: Command, outcome: Outcome): void;
  /** The state is that of a snapshot; what led to it was not seen here. */
  restored(): void;
}

export function createLogMachine(machine: StateMachine, observer: MachineObserver): LogMachine {
  return {
    apply(entry) {
      const command = readCommand(entry);
      observer.applied(command, machine.apply(entry, command));
    },
    snapshot: () => machine.snapshot(),
    checksum: () => machine.checksum(),
    beginRestore() {
      const restore = machine.beginRestore();
      return {
        add: (chunk) => restore.add(chunk),
        finish() {
          restore.finish();
          observer.restored();
        },
      };
    },
  };
}

/** A command that cannot be read must stop the node: skipping it would let its state drift from the others'. */
function readCommand(entry: LogEntry): Command {
  const decoded = decodeCommand(entry.command);
  if (!decoded.ok) throw new InvariantError(`log index ${entry.index}: ${explain(decoded.error)}`);
  return decoded.value;
}

const explain = (failure: DecodeFailure): string =>
  failure.reason === 'unknown-version'
    ? `the log holds a command of version ${String(failure.version)}, which this program is too old to understand: upgrade it`
    : `the log holds a command that nobody can read: ${failure.detail}`;
