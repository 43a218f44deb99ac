#!/usr/bin/env node
// The plugin of kubectl, from a clone that was built (`npm run build`), under the project's own Node. A link to this file named
// kubectl-mcp in a folder of the PATH installs it; so do `npm link` and `npm install --global .`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = join(root, 'node_modules', 'node', 'bin', 'node');
const program = join(root, 'dist', 'kubectl-mcp.mjs');

for (const needed of [node, program]) {
  if (existsSync(needed)) continue;
  console.error(`kubectl mcp: ${needed} is missing: run \`npm ci && npm run build\` in ${root}`);
  process.exit(1);
}
const child = spawn(node, [program, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'), ...process.env },
});
// Ctrl-C reaches the child by itself; its exit code is ours.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? code : 143));
