#!/usr/bin/env node
// Starts a program or the test runner under the Node version this project needs, from a bare clone: installs the
// dependencies when they are missing or older than the lock file. Runs on Node 20 with nothing installed.
//   node bin/run.mjs ARGS…      the same as `node ARGS…` with the project's own Node
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = join(root, 'node_modules', 'node', 'bin', 'node');

/** True when node_modules was made from the lock file as it is now. */
function installed() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden) || !existsSync(node)) return false;
  const have = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(want).every(
    ([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version,
  );
}

/** Runs a command, passes signals on, and resolves with its exit code. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', (error) => {
      console.error(`cannot start ${command}: ${error.message}`);
      resolve(127);
    });
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(signal === null ? code : 128 + 15);
    });
  });
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    `Node ${process.versions.node} is too old: install Node 20 or newer (https://nodejs.org), then run this again.`,
  );
  process.exit(1);
}
if (!installed()) {
  console.error('Installing dependencies (npm ci), once …');
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (code !== 0) {
    console.error(
      'npm ci failed: see its message above; check the network or the registry setting, then run this again.',
    );
    process.exit(code);
  }
  if (!existsSync(node)) {
    console.error(
      'npm ci brought no Node 26: install scripts are switched off. Run `npm rebuild node --ignore-scripts=false`, then this again.',
    );
    process.exit(1);
  }
}
process.exit(
  await run(node, process.argv.slice(2), {
    env: {
      // Hundreds of short processes read the same sources: this halves their start.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'),
      ...process.env,
      PATH: `${dirname(node)}:${process.env.PATH}`,
    },
  }),
);
