/** How the plugin explains itself: the list of its verbs, and what is said after a mistake. */
import { Command, type Argument } from 'commander';

const AFTER = `
All verbs take kubectl's -n, --context, --kubeconfig and --as after the verb.
What changes something says what to write in a manifest for the same, and takes
--dry-run=server.
`;

/** Call it when `program` has all its verbs. */
export function explainItself(program: Command): void {
  const help = new Command('help').argument('[verb]').description('the options of a verb');
  program
    .usage('<verb> [name] [options]')
    .configureHelp({ subcommandTerm })
    .addHelpCommand(help.helpGroup('Help:'))
    .addHelpText('after', AFTER);
  for (const command of [program, ...program.commands]) {
    const words = ['kubectl mcp', ...(command === program ? [] : [command.name()]), '--help'];
    command.showHelpAfterError(`(${words.join(' ')} shows what is allowed)`).configureOutput({
      outputError: (text, write) => write(text.replace(/^error:/, 'kubectl mcp:')),
    });
  }
}

/** A verb and its arguments, without a word about options, which every verb has. */
const subcommandTerm = (command: Command): string =>
  [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' ');

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
