/** One member as a process of its own: a Raft node with the store on it, and a control port for clients and faults. */
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTerminationSignal, systemClock, systemRandom } from '../../src/host/index.ts';
import { unreachable } from '../../src/std/index.ts';
import { createRaftNode, type RaftNode } from '../../src/raft/index.ts';
import { diskFiles } from '../../src/raft/wal-files.ts';
import { createRpcServer } from '../../src/rpc/index.ts';
import { staticTls } from '../../src/security/index.ts';
import { createLeaderLink, createStore, serveLeases, type Store } from '../../src/store/index.ts';
import { StoreError } from '../../src/store/errors.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import type { Answer, Call, MemberConfig, Request, Response, WithoutId } from './protocol.ts';
import { stallingDisk, type StallingDisk } from './stalling-disk.ts';

const TIMING = { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 250, max: 500 } };
const STORE_TIMEOUT_MS = 1_500;
const TRANSFER_TIMEOUT_MS = 1_000;
/** Soon, so that whoever was away for a while is caught up by a snapshot. */
const SNAPSHOT = { entries: 50, bytes: 2 ** 20 };

async function main(config: MemberConfig): Promise<void> {
  const logger = createLogger({ name: config.id });
  const tools = { clock: systemClock, random: systemRandom, logger, metrics: createMetrics() };
  const tls = staticTls(config.tls);
  const clusterId = 'cluster-1';
  const peers = {
    resolve: async (id: string) => ({ host: '127.0.0.1', port: config.peerPorts[id] ?? 1 }),
    serverName: () => 'localhost',
  };
  const identity = { tls, clusterId, peers };
  const address = '127.0.0.1';
  const rpcServer = createRpcServer({ ...tools, ...identity, address, port: config.rpcPort });
  const disk = stallingDisk(diskFiles(join(config.dataDir, 'raft')));
  const node = createRaftNode({
    ...tools,
    ...identity,
    id: config.id,
    voters: config.voters,
    dataDir: config.dataDir,
    rpcServer,
    timing: TIMING,
    snapshot: SNAPSHOT,
    reads: config.reads,
    files: disk.files,
  });
  const leaderLink = createLeaderLink({ ...tools, ...identity });
  const store = createStore({ ...tools, log: node, leaderLink, timeoutMs: STORE_TIMEOUT_MS });
  serveLeases(rpcServer, store);
  await rpcServer.listen();
  await node.start();
  serveControl(config, { node, store, disk });
  onTerminationSignal(async () => {
    await store.stop();
    await node.stop();
    process.exit(0);
  });
}

const DONE = { result: 'ok', output: null } as const;

interface Parts {
  readonly node: Pick<RaftNode, 'status' | 'transferLeadership'>;
  readonly store: Store;
  readonly disk: Pick<StallingDisk, 'stall'>;
}

function serveControl(config: MemberConfig, parts: Parts): void {
  const serve = (socket: Socket): void => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    const answer = (response: Response): void => {
      if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
    };
    createInterface({ input: socket }).on('line', (line) => {
      const request = JSON.parse(line) as Request;
      void respond(config, parts, request).then((body) => answer({ id: request.id, ...body }));
    });
  };
  createServer(serve).listen(config.controlPort, '127.0.0.1');
}

async function respond(
  { staleReads }: MemberConfig,
  { node, store, disk }: Parts,
  request: Request,
): Promise<WithoutId<Response>> {
  switch (request.op) {
    case 'status': {
      const { role, term } = node.status();
      return { status: { role, term } };
    }
    case 'stall-disk':
      disk.stall(request.on);
      return DONE;
    case 'transfer':
      return node
        .transferLeadership(undefined, AbortSignal.timeout(TRANSFER_TIMEOUT_MS))
        .then(() => DONE, failed);
    case 'grant':
      return store.lease.grant(request.ttlMs).then(({ id }) => ({ lease: id }), failed);
    case 'txn':
      return store.txn(request.request).then((txn) => ({ txn }), failed);
    case 'get':
      if (!staleReads) return call(store, request).catch(failed);
      return { result: 'ok', output: store.local.get(request.key)?.value ?? null };
    case 'put':
    case 'delete':
    case 'cas':
      return call(store, request).catch(failed);
    default:
      return unreachable(request);
  }
}

function failed(error: unknown): Answer {
  const code = error instanceof StoreError ? error.code : 'broken';
  const harmless = code === 'unavailable' || code === 'overloaded';
  return { result: harmless ? 'refused' : 'unknown', reason: code };
}

async function call(store: Store, request: Call): Promise<Answer> {
  if (request.op === 'cas') return compareAndSet(store, request);
  return { result: 'ok', output: (await whatWas(store, request))?.value ?? null };
}

async function whatWas(
  store: Store,
  request: Exclude<Call, { readonly op: 'cas' }>,
): Promise<{ readonly value: string } | undefined> {
  const { op, key } = request;
  if (op === 'get') return store.get(key);
  if (op === 'put') return (await store.put(key, request.value)).previous;
  return (await store.delete({ key })).deleted[0];
}

async function compareAndSet(
  store: Store,
  { key, expected, value }: Extract<Call, { readonly op: 'cas' }>,
): Promise<Answer> {
  const { succeeded, responses } = await store.txn({
    compare: [
      expected === null
        ? { key, target: 'version', operator: '=', operand: 0 }
        : { key, target: 'value', operator: '=', operand: expected },
    ],
    success: [{ type: 'put', key, value }],
    failure: [{ type: 'get', selector: { key } }],
  });
  const [response] = responses;
  const seen = response?.type === 'put' ? response.previous : undefined;
  const read = response?.type === 'get' ? response.items[0] : undefined;
  return { result: succeeded ? 'ok' : 'fail', output: (seen ?? read)?.value ?? null };
}

// Whoever started this process holds the other end: without it nobody would end this one.
process.stdin.on('end', () => process.exit(1)).resume();
await main(JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as MemberConfig);
