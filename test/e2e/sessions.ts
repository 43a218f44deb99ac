/** Official MCP clients at work in a scenario: sessions on the pods one asks for, and calls that never stop. */
import assert from 'node:assert/strict';
import { startCallLoop, summarize, type CallLoop } from '../../src/cli/demo/calls.ts';
import { ownerOf } from '../../src/cli/demo/kill.ts';
import { connectEcho, type EchoClient } from '../../src/cli/mcp-client.ts';
import { connectMembers, type ClusterMembers } from '../../src/cli/members.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { eventually } from '../eventually.ts';
import type { Arena } from './arena.ts';
import { NAMESPACE } from './manifests.ts';

/** The admin services of a cluster's first `pods` pods. */
export function openMembers(arena: Arena, name: string, pods = 3): Promise<ClusterMembers> {
  return connectMembers({
    client: arena.client,
    namespace: NAMESPACE,
    name,
    pods: Array.from({ length: pods }, (_, ordinal) => `${name}-${ordinal}`),
    addressOf: arena.addressOf,
    clock,
    random,
  });
}

/** Runs `body` with the admin services open. */
export async function withMembers<T>(
  arena: Arena,
  name: string,
  body: (members: ClusterMembers) => Promise<T>,
): Promise<T> {
  const members = await openMembers(arena, name);
  try {
    return await body(members);
  } finally {
    members.close();
  }
}

/** A session whose client calls `echo` again and again. */
export interface BusySession {
  readonly client: EchoClient;
  readonly id: string;
  readonly calls: CallLoop;
}

/** Sessions whose calls go on; a scenario that fails leaves some. */
const busy = new Set<BusySession>();

export async function openBusySession(url: string): Promise<BusySession> {
  return keepBusy(await connectEcho(url));
}

function keepBusy<C extends EchoClient>(client: C): BusySession & { readonly client: C } {
  const calls = startCallLoop((number) => client.echo(`call ${number}`), clock);
  const session = { client, id: client.sessionId() ?? '', calls };
  busy.add(session);
  return session;
}

/** Ends the calls of `session`; its client stays open. */
export async function endCalls(session: BusySession): Promise<void> {
  busy.delete(session);
  await session.calls.stop();
}

/** Ends the calls that a failed scenario left, without waiting for their answers. */
export function abandonSessions(): void {
  for (const session of busy) void session.calls.stop();
  busy.clear();
}

/**
 * Opens sessions until one is owned by the wanted pod. The others are closed only then: each holds its connection, so that
 * the next session has to open one of its own, which the Service sends to the next pod.
 */
export function openSessionOn(
  url: string,
  members: ClusterMembers,
  isWanted: (owner: string) => boolean,
): Promise<{ readonly session: BusySession; readonly owner: string }> {
  return openSessionAs(() => connectEcho(url), members, isWanted);
}

/** The same for any kind of client. */
export async function openSessionAs<C extends EchoClient>(
  connect: () => Promise<C>,
  members: ClusterMembers,
  isWanted: (owner: string) => boolean,
): Promise<{ readonly session: BusySession & { readonly client: C }; readonly owner: string }> {
  const others: EchoClient[] = [];
  try {
    for (let tries = 0; tries < 40; tries++) {
      const client = await connect();
      const owner = await ownerOf(members, client.sessionId() ?? '');
      if (isWanted(owner)) return { session: keepBusy(client), owner };
      others.push(client);
    }
  } finally {
    await Promise.all(others.map((client) => client.close()));
  }
  throw new Error('no session landed where the scenario wants it');
}

export async function closeSession(session: BusySession): Promise<void> {
  await endCalls(session);
  await session.client.close();
}

/** Waits for `count` more answers. */
export async function moreCalls(session: BusySession, count = 20): Promise<void> {
  const { records } = session.calls;
  const wanted = records.length + count;
  await eventually(`${count} more calls`, () => records.length >= wanted, 60_000);
}

/** Not one call got anything but its answer, at the first attempt. */
export function assertUndisturbed(session: BusySession): void {
  const disturbed = session.calls.records.filter(({ outcome }) => outcome.kind !== 'ok');
  assert.deepEqual(disturbed, [], 'no client noticed');
}

/** Ends the session and proves that it is the one it was and that no call was lost. */
export async function assertSurvived(session: BusySession, killedAt: number): Promise<string> {
  await endCalls(session);
  assert.equal(session.client.sessionId(), session.id, 'the session id changed');
  const { ok, retried, failed, gapMs } = summarize(session.calls.records, killedAt, killedAt);
  const lost = session.calls.records.filter(({ outcome }) => outcome.kind === 'failed');
  assert.equal(failed, 0, `calls were lost: ${JSON.stringify(lost.slice(0, 3))}`);
  await session.client.close();
  return `${ok} calls ok, ${retried} retried, gap ${Math.round(gapMs)} ms`;
}
