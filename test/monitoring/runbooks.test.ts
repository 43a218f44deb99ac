/** What runbooks tell people to type and to change does exist. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALERTS, RUNBOOKS } from '../../deploy/monitoring/rules.ts';
import { MCP_CLUSTER_SCHEMA } from '../../src/api/mcp-cluster.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = readdirSync(join(root, RUNBOOKS));
const texts = pages.map(
  (page) => [page, readFileSync(join(root, RUNBOOKS, page), 'utf8')] as const,
);

/** Every `pattern` in the pages, its first group, and where it stands. */
function found(pattern: RegExp): (readonly [string, string])[] {
  return texts.flatMap(([page, text]) =>
    [...text.matchAll(pattern)].map(([, group = '']) => [page, group] as const),
  );
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

function exists(path: string): boolean {
  let node = MCP_CLUSTER_SCHEMA as unknown as Node | undefined;
  for (const part of path.split('.')) node = (node?.items ?? node)?.properties?.[part];
  return node !== undefined;
}

test('there is a page for each alert, and no other', () => {
  const wanted = [...Object.keys(ALERTS).map((name) => `${name}.md`), 'README.md'];
  assert.deepEqual(pages.toSorted(), wanted.toSorted());
});

test('the fields that pages name exist', () => {
  const fields = found(/(?<![\w-])(spec\.[a-zA-Z.]*[a-zA-Z])/g).filter(
    ([, field]) => !field.startsWith('spec.containers') && !field.startsWith('spec.nodeName'),
  );
  assert.ok(fields.length > 10, `only ${fields.length}`);
  assert.deepEqual(
    fields.filter(([, field]) => !exists(field)),
    [],
  );
});

test('the commands of ours that pages name exist', () => {
  const main = readFileSync(join(root, 'src/cli/main.ts'), 'utf8');
  const commands = found(/mcp-cluster ((?:[a-z]+ )+)-/g);
  assert.ok(commands.length > 0);
  for (const [page, command] of commands) {
    for (const word of command.trim().split(' ')) {
      assert.ok(main.includes(`command('${word}`), `${page}: ${command}`);
    }
  }
});
