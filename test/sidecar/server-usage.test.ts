/** What the MCP server uses: of a real process with children, and of a container's group as the kernel shows one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/host/index.ts';
import { createServerUsage } from '../../src/sidecar/server-usage.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

/** Listens, holds 64 MiB, and lets a child use the processor. */
const SERVER = `
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1', () => console.log(held.length));
`;

test(verifies('admission.usage-measured'), { skip: process.platform !== 'linux' }, async () => {
  const port = await freePort();
  const server = spawn(process.execPath, ['-e', SERVER, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    await once(server.stdout, 'data');
    const meter = createServerUsage({ port, clock: systemClock, logger: silentLogger });
    const busy = await eventually('the child is seen at work', () => {
      const usage = meter.current();
      return usage !== undefined && usage.cpuCores > 0.05 ? usage : undefined;
    });
    assert.ok(busy.cpuCores < 2, `${busy.cpuCores} cores of one busy child`);
    assert.ok(busy.memoryBytes > 64 * 1024 * 1024, `${busy.memoryBytes} bytes`);
    assert.ok(busy.memoryBytes < 1024 * 1024 * 1024, `${busy.memoryBytes} bytes`);
  } finally {
    // The server with its child.
    process.kill(-(server.pid ?? 0), 'SIGKILL');
  }
});

/** A folder like /proc, with one process that listens on port 3001 in a container of its own. */
async function fakeProc(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const stat = `7 (a (b) c) S 1 7 7 0 -1 0 0 0 0 0 50 10 0 0 20 0 1 0 4242 0 0`;
  const all: Record<string, string> = {
    'net/tcp': `sl local rem st\n 0: 0100007F:0BB9 00000000:0000 0A 0:0 0:0 0 0 0 777 1`,
    'self/cgroup': '0::/\n',
    '7/cgroup': '0::/../server\n',
    '7/stat': stat,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await mkdir(join(folder, '7/fd'), { recursive: true });
  await symlink('socket:[777]', join(folder, '7/fd/3')).catch(() => undefined);
}

const group = (usageUs: number): Record<string, string> => ({
  '7/root/sys/fs/cgroup/cpu.stat': `usage_usec ${usageUs}\nuser_usec 1\n`,
  '7/root/sys/fs/cgroup/memory.current': '5000000\n',
  '7/root/sys/fs/cgroup/memory.stat': 'anon 1\ninactive_file 1000000\nactive_file 3\n',
});

test("a container's group counts, without what is only cached", async () => {
  const proc = await mkdtemp(join(tmpdir(), 'proc-'));
  try {
    const clock = createVirtualClock();
    const meter = createServerUsage({ port: 3_001, clock, logger: silentLogger, proc });
    await fakeProc(proc, group(1_000_000));
    let usedUs = 1_000_000;
    const usage = await eventually('two samples', async () => {
      // Three quarters of a core.
      clock.advanceSync(1_000);
      await fakeProc(proc, group((usedUs += 750_000)));
      return meter.current();
    });
    assert.equal(usage.memoryBytes, 4_000_000);
    assert.ok(usage.cpuCores > 0 && usage.cpuCores < 3, `${usage.cpuCores} cores`);
    clock.advanceSync(10_000);
    assert.equal(meter.current(), undefined, 'an old sample says nothing');
  } finally {
    await rm(proc, { recursive: true });
  }
});

test('a process that is not to be seen is said once, and stops nothing', async () => {
  const proc = await mkdtemp(join(tmpdir(), 'proc-'));
  try {
    const clock = createVirtualClock();
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (text: string) => void warnings.push(text) };
    const meter = createServerUsage({ port: 3_001, clock, logger, proc });
    await eventually('it was looked for', () => {
      clock.advanceSync(20_000);
      assert.equal(meter.current(), undefined);
      return warnings.length > 0;
    });
    assert.equal(warnings.length, 1);
  } finally {
    await rm(proc, { recursive: true });
  }
});
