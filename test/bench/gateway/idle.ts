/** Memory and processor time of streams on which nothing happens, beside nginx before the same server. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMicros } from '../raft/processes.ts';
import type { Row } from '../table.ts';
import { openStage, type Running } from './cluster.ts';
import { openSessions } from './load.ts';
import type { GatewayPart } from './parts.ts';

/** Sockets that are opened at the same time. */
const BATCH = 100;
const SETTLE_MS = 3_000;
/** The engine gives memory back when a process has been silent for half a minute, as one with idle streams is. */
const SILENCE_MS = 45_000;
/** A run that only shows that everything works need not wait for that. */
const STREAMS_MEASURED = 1_000;

/** Memory that is this process's own, with its share of what is shared, in MiB. */
async function proportionalMb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}

async function openStream(origin: string, session: string): Promise<Socket> {
  const { hostname, port, host } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  socket.write(
    `GET /mcp HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\nmcp-session-id: ${session}\r\nmcp-protocol-version: 2025-06-18\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString('latin1').startsWith('HTTP/1.1 200'))
    throw new Error(`stream: ${head.toString()}`);
  return socket;
}

interface Held {
  /** Without a session. */
  readonly emptyMb: number;
  readonly beforeMb: number;
  readonly afterMb: number;
  readonly kibEach: number;
  /** Of one core, while nothing happens. */
  readonly cpuPercent: number;
}

async function hold(target: Running, sessions: readonly string[], emptyMb: number): Promise<Held> {
  const beforeMb = await proportionalMb(target.pid);
  const sockets: Socket[] = [];
  for (let at = 0; at < sessions.length; at += BATCH) {
    const batch = sessions.slice(at, at + BATCH);
    sockets.push(...(await Promise.all(batch.map((id) => openStream(target.origin, id)))));
  }
  await pause(SETTLE_MS);
  // Before the engine tidies up what the sessions left behind, which would count for the streams.
  const openedMb = await proportionalMb(target.pid);
  if (sessions.length >= STREAMS_MEASURED) await pause(SILENCE_MS);
  const cpuBefore = await cpuMicros(target.pid);
  await pause(SETTLE_MS);
  const cpu = (await cpuMicros(target.pid)) - cpuBefore;
  const afterMb = await proportionalMb(target.pid);
  for (const socket of sockets) socket.destroy();
  return {
    ...{ emptyMb, beforeMb, afterMb },
    kibEach: ((openedMb - beforeMb) * 1024) / sessions.length,
    cpuPercent: cpu / (SETTLE_MS * 10),
  };
}

const show = ({ emptyMb, beforeMb, afterMb, kibEach, cpuPercent }: Held): string =>
  `${emptyMb.toFixed(0)}, with the sessions ${beforeMb.toFixed(0)}, with the streams ${afterMb.toFixed(0)} MiB, ${kibEach.toFixed(1)} KiB each, ${cpuPercent.toFixed(1)} % CPU`;

export const idleStreams: GatewayPart = {
  needs: ['nginx'],
  async run({ streams, profileDir }) {
    const stage = await openStage();
    try {
      const server = await stage.program('test/bench/gateway/silent-server.ts');
      const nginx = await stage.nginx(server);
      const [gateway] = (await stage.gateways([server], profileDir)) as [Running];
      const aloneMb = await proportionalMb(server.pid);
      const emptyMb = {
        theirs: await proportionalMb(nginx.pid),
        ours: await proportionalMb(gateway.pid),
      };
      const sessions: string[] = [];
      while (sessions.length < streams)
        sessions.push(
          ...(await openSessions(gateway.origin, Math.min(BATCH, streams - sessions.length))),
        );
      if (streams >= STREAMS_MEASURED) await pause(SILENCE_MS);
      const theirs = await hold(nginx, sessions, emptyMb.theirs);
      const ours = await hold(gateway, sessions, emptyMb.ours);
      const what = `${streams} idle SSE streams, each of its own session`;
      const row = (name: string, text: string, value: number): Row => ({
        ...{ name, what: `${what}: ${text}`, value, goal: { atMost: 1.3 } },
        ...{
          ours: show(ours),
          peer: `nginx ${show(theirs)}; a bare server in Node ${aloneMb.toFixed(0)} MiB`,
        },
      });
      return [
        row('idle/memory', 'memory of the process', ours.afterMb / theirs.afterMb),
        row('idle/stream', 'memory of a stream', ours.kibEach / theirs.kibEach),
      ];
    } finally {
      await stage.stop();
    }
  },
};
