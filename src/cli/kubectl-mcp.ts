#!/usr/bin/env node
/** The plugin of kubectl: `kubectl mcp status NAME` runs a program `kubectl-mcp` that is in the PATH. */
import { CommanderError } from 'commander';
import { UsageError } from '../host/index.ts';
import { complete } from './verbs/complete.ts';
import { createProgram } from './verbs/program.ts';

const print = (text: string): void => console.log(text);

/** Exit codes: 0 done, 1 the API server refused or did not answer, 2 it was not asked because the command is wrong. */
try {
  const [first, ...rest] = process.argv.slice(2);
  if (first === '__complete') console.log(await complete(createProgram(print), rest));
  else await createProgram(print).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 1 ? 2 : error.exitCode);
  if (error instanceof UsageError) {
    console.error(`kubectl mcp: ${error.message}`);
    process.exit(error.exitCode);
  }
  console.error(
    `kubectl mcp: this is a bug, please report it\n${(error as Error).stack ?? String(error)}`,
  );
  process.exit(1);
}
