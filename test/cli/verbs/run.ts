/** Runs verbs as the plugin does, in this process. */
import { CommanderError } from 'commander';
import { createProgram } from '../../../src/cli/verbs/program.ts';
import { UsageError } from '../../../src/host/index.ts';

export interface Said {
  readonly text: string;
  /** What the process would have ended with. */
  readonly code: number;
}

/** `line` are words separated by spaces; single quotes keep one together. An `onPrint` that throws ends it. */
export async function runVerb(
  kubeconfig: string,
  line: string,
  onPrint: (text: string) => void = () => undefined,
): Promise<Said> {
  const printed: string[] = [];
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  const program = createProgram((text) => {
    printed.push(text);
    onPrint(text);
  });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeErr: (text) => void printed.push(text) });
  }
  try {
    await program.parseAsync([...words, '--kubeconfig', kubeconfig], { from: 'user' });
    return { text: printed.join('\n'), code: 0 };
  } catch (error) {
    if (error instanceof CommanderError) return { text: printed.join('\n'), code: 2 };
    if (error instanceof UsageError) return { text: error.message, code: error.exitCode };
    throw error;
  }
}
