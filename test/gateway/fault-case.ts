/** Runs one case of the fault matrix: two pods with real servers, one call through the pod that does not own it, one fault. */
import { readFile } from 'node:fs/promises';
import { required } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { openRaw, POST_HEADERS, post } from './client.ts';
import { startCutLink, type CutLink } from './cut-link.ts';
import { watchCall, type WatchedCall, type WatchedRequest } from './fault-client.ts';
import type { Case, Observed, Phase } from './fault-matrix.ts';
import { modern, type FixtureProcess } from './modern-world.ts';
import { startWorld, type Pod, type World } from './world.ts';

/** Longest wait for what must come; an outcome that takes so long is none. */
const PATIENCE_MS = 4_000;
/** How long a new leader takes to be found. */
const ELECTION_MS = 300;
/** How the tool behaves so that the phase lasts long enough to be hit. */
const WORK: Readonly<Record<Phase, object>> = {
  'before it is sent': { steps: 0, stepMs: 10 },
  'while it works': { steps: 0, stepMs: 400 },
  'in mid-stream': { steps: 4, stepMs: 120 },
  'after its result': { steps: 1, stepMs: 20, holdEndMs: 400 },
};
const REQUEST_ID = 77;

/** A server that the matrix may kill, and the place where its calls leave a line each. */
export interface KillableServer extends FixtureProcess {
  readonly effectsFile: string;
}

interface Stage {
  readonly world: World;
  readonly front: Pod;
  readonly owner: Pod;
  readonly ownerServer: KillableServer;
  readonly frontServer: KillableServer;
  /** The way to each pod from the others. */
  readonly links: ReadonlyMap<string, CutLink>;
  /** The call, as sent to any pod. */
  readonly request: WatchedRequest;
  readonly resumeHeaders: Readonly<Record<string, string>>;
}

export async function runCase(
  which: Case,
  servers: readonly [KillableServer, KillableServer],
  mark: string,
): Promise<Observed> {
  const links = new Map<string, CutLink>();
  const world = await startWorld({
    backends: servers.map(({ port }) => port),
    async peerThrough(node, peer) {
      const link = await startCutLink(peer.host, peer.port);
      links.set(node, link);
      return { ...peer, port: link.port };
    },
  });
  try {
    const stage = await prepare(which, world, servers, links, mark);
    const { outcome, afterMs } = await play(which, stage, mark);
    const runs = async (): Promise<number> =>
      (await effects(servers)).filter((line) => line === mark).length;
    // A client that left may be gone before its call has arrived.
    if (outcome === 'cancelled') {
      const said = `cancelled ${mark}`;
      await eventually('the server is told to stop', async () =>
        (await effects(servers)).includes(said),
      );
    }
    return { ...which, outcome, afterMs, runs: await runs() };
  } finally {
    for (const link of links.values()) link.stop();
    await world.stop();
  }
}

async function effects(servers: readonly KillableServer[]): Promise<string[]> {
  const texts = servers.map(({ effectsFile }) => readFile(effectsFile, 'utf8').catch(() => ''));
  return (await Promise.all(texts)).join('').split('\n');
}

/** Both pods know the tools, and the next call through `front` will be the other pod's. */
async function prepare(
  { era, phase, idempotent, piece }: Case,
  world: World,
  servers: readonly [KillableServer, KillableServer],
  links: Stage['links'],
  mark: string,
): Promise<Stage> {
  const name = idempotent ? 'lasting_read' : 'lasting_record';
  const params = {
    name,
    arguments: { what: mark, ...WORK[phase] },
    _meta: { progressToken: mark },
  };
  const half = piece === 'client connection' && phase === 'before it is sent';
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
  if (era === '2025') {
    const headers = await openRaw(world.pod(0).url);
    const owner = await world.ownerOf(headers['mcp-session-id']);
    const index = owner === world.pod(0) ? 0 : 1;
    const front = world.pod(1 - index);
    await post(front.url, list, headers);
    await eventually('the hints are agreed on', () => {
      const record = front.sessions.directory.local(headers['mcp-session-id']);
      return (record?.repeatableTools.length ?? 0) > 0;
    });
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: REQUEST_ID,
      method: 'tools/call',
      params,
    });
    return {
      world,
      front,
      owner,
      ownerServer: required(servers[index], 'a server'),
      frontServer: required(servers[1 - index], 'a server'),
      links,
      request: { method: 'POST', headers: { ...POST_HEADERS, ...headers }, body, half },
      resumeHeaders: { accept: 'text/event-stream', ...headers },
    };
  }
  const [front, owner] = [world.pod(0), world.pod(1)];
  for (const { url } of [front, owner]) {
    const listed = modern('tools/list');
    await post(url, listed.message, listed.headers);
  }
  // New work goes to the other pod, as this one says that it takes none.
  front.belief.told = { ready: false };
  world.announce();
  const call = modern('tools/call', params, { id: REQUEST_ID, meta: { progressToken: mark } });
  const headers = { ...POST_HEADERS, ...(call.headers as Record<string, string>) };
  return {
    world,
    front,
    owner,
    ownerServer: servers[1],
    frontServer: servers[0],
    links,
    request: { method: 'POST', headers, body: JSON.stringify(call.message), half },
    resumeHeaders: {},
  };
}

async function play(
  which: Case,
  stage: Stage,
  mark: string,
): Promise<{ outcome: string; afterMs: number }> {
  const { phase, piece } = which;
  const { world, front, owner, request } = stage;
  if (phase === 'before it is sent' && piece !== 'client connection') {
    await inject(which, stage, undefined);
    front.belief.told = {};
    world.announce();
    const began = performance.now();
    // A balancer passes over an address that refuses.
    const target = piece === 'front pod' ? owner : front;
    const outcome = await outcomeOf(which, stage, watchCall(target.url, request));
    return { outcome, afterMs: performance.now() - began };
  }
  const call = watchCall(front.url, request);
  const servers = [stage.ownerServer, stage.frontServer];
  if (request.half !== true) {
    await eventually('the server works', async () => (await effects(servers)).includes(mark));
  }
  // Only who has a resume point can resume; the server works before its client has heard so.
  const resumes = which.era === '2025' && phase === 'while it works';
  if (resumes) await eventually('a resume point', () => call.lastEventId() !== undefined);
  if (phase === 'in mid-stream') {
    await eventually('progress', () => call.messages.some(({ method }) => method !== undefined));
  }
  if (phase === 'after its result') await eventually('the result', () => answerOf(call));
  front.belief.told = {};
  world.announce();
  const began = performance.now();
  await inject(which, stage, call);
  const outcome = await outcomeOf(which, stage, call);
  return { outcome, afterMs: performance.now() - began };
}

async function inject({ piece }: Case, stage: Stage, call: WatchedCall | undefined): Promise<void> {
  const { world, front, owner, ownerServer, frontServer, links } = stage;
  const die = async (pod: Pod, server: KillableServer): Promise<void> => {
    links.get(pod.node)?.stop();
    await Promise.all([pod.kill(), server.kill()]);
  };
  switch (piece) {
    case 'owner pod':
      return die(owner, ownerServer);
    case 'front pod':
      return die(front, frontServer);
    case "owner's MCP server":
      return ownerServer.kill();
    case 'Raft leader':
      world.log.elect(undefined);
      setTimeout(() => world.log.elect(owner.node), ELECTION_MS);
      return;
    case 'connection front to owner':
      for (const link of links.values()) link.cut();
      return;
    case 'client connection':
      call?.leave();
  }
}

const answerOf = ({ messages }: WatchedCall) => messages.find(({ id }) => id === REQUEST_ID);

function verdictOf(call: WatchedCall): 'answered' | 'told' | 'wrong answer' | undefined {
  const answer = answerOf(call);
  if (answer === undefined) return undefined;
  if (answer.error?.code === -31001) return 'told';
  return answer.error === undefined ? 'answered' : 'wrong answer';
}

/** What the client ends up with, resuming where its era can. */
async function outcomeOf(which: Case, stage: Stage, call: WatchedCall): Promise<string> {
  const settled = (one: WatchedCall) => (): string | false | undefined =>
    verdictOf(one) ?? (one.over() && 'over');
  // Whoever would repeat a request that was answered does so before its stream is over.
  if (which.phase === 'after its result') {
    if ((await within(() => call.over() && 'over')) === 'hung') return 'hung';
  }
  const first = await within(settled(call));
  if (first !== 'over') return first;
  if (stage.request.half === true) return 'never sent';
  const lastEventId = call.lastEventId();
  if (which.era === '2026') {
    return which.piece === 'client connection' ? 'cancelled' : 'connection lost';
  }
  if (lastEventId === undefined) return 'connection lost';
  const target = which.piece === 'front pod' ? stage.owner : stage.front;
  const resumed = watchCall(target.url, {
    method: 'GET',
    headers: { ...stage.resumeHeaders, 'last-event-id': lastEventId },
  });
  const second = await within(settled(resumed));
  resumed.leave();
  return `resumed, ${second}`;
}

async function within(probe: () => string | false | undefined): Promise<string> {
  try {
    return await eventually('an outcome', probe, PATIENCE_MS);
  } catch {
    return 'hung';
  }
}
