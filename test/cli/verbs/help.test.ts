/** The list of verbs as a person meets it first: every verb in a group, in eighty columns, and a way on from each mistake. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '../../../src/cli/verbs/program.ts';
import { runVerb } from './run.ts';

test('every verb stands in a group of the help, with its arguments, and no line is too long', () => {
  const program = createProgram(() => undefined);
  let text = '';
  program.configureOutput({ writeOut: (more) => void (text += more), getOutHelpWidth: () => 80 });
  program.outputHelp();
  const lines = text.split('\n');
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.ok(!text.includes('[options] <'), 'what every verb has is said once');
  const groups = lines.filter((line) => /^\S.*:$/.test(line));
  const known = ['Options:', 'See how it is:', 'Updates:', 'Single members:'];
  assert.deepEqual(groups, [...known, 'The cluster as a whole:', 'Help:']);
  for (const command of program.commands) {
    assert.equal(lines.filter((line) => line.startsWith(`  ${command.name()} `)).length, 1);
    assert.match(command.helpInformation(), /As for kubectl:\n {2}-n, --namespace/);
  }
  assert.match(text, /^ {2}fence <name> <member\.\.\.> /m);
});

test('a mistake is told with the help that shows what is allowed', async () => {
  const said = async (line: string): Promise<string> => (await runVerb('/nowhere', line)).text;
  const rows: readonly (readonly [line: string, told: RegExp, verb: string])[] = [
    ['stats', /^kubectl mcp: unknown command 'stats'\s+\(Did you mean status\?\)/, ''],
    ['logs a --tail 0', /0 is not a whole number above 0/, ' logs'],
    ['status -o xml', /Allowed choices are json, yaml/, ' status'],
    ['recover a', /missing required argument 'member'/, ' recover'],
    ['wake a b', /too many arguments/, ' wake'],
    ['wake a --force', /unknown option '--force'/, ' wake'],
  ];
  for (const [line, told, verb] of rows) {
    const text = await said(line);
    assert.match(text, told);
    assert.ok(text.trim().endsWith(`(kubectl mcp${verb} --help shows what is allowed)`), text);
  }
  assert.match(await said('maintenance a'), /give either --schedule CRON or --remove/);
  assert.match(await said('status'), /no kubeconfig at \/nowhere: give --kubeconfig FILE/);
});
