/** Health, metrics and Raft status over plain HTTP: read-only, answered from memory; `/drained` answers when its time has come. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Configuration } from '../raft/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { MemberProblem } from './member-problems.ts';

/** Whether the pod may receive clients; `reason` is for people and empty when it is ready. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
}

export interface HealthSources {
  readiness(): Readiness;
  /** What is wrong with this member; it is told, and no reason to restart it. */
  problems(): readonly MemberProblem[];
  /** Answered at `/raft/status`. */
  raftStatus(): {
    readonly nodeId: string;
    readonly role: string;
    readonly leaderId?: string | undefined;
    readonly term: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly voters: readonly string[];
    readonly learners: readonly string[];
    readonly configuration: Pick<Configuration, 'votersOutgoing'>;
    readonly snapshotIndex: number;
  };
  readonly metrics: Metrics;
  /** Resolves with the reason when the MCP server of this pod may stop. */
  serverMayStop(signal: AbortSignal): Promise<string>;
}

/** The kubelet asks once; whoever else waits must not cost this pod its memory. */
const DRAINED_WAITING_MAX = 32;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The handler of `/healthz`, `/readyz`, `/drained`, `/metrics` and `/raft/status`; anything else is 404, any other method 405. */
export function createHealthHandler(sources: HealthSources): Handler {
  let waiting = 0;
  const routes: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    '/healthz': (response) => {
      const problems = sources.problems().map(({ code, message }) => `${code}: ${message}\n`);
      text(response, 200, `ok\n${problems.join('')}`);
    },
    '/readyz': (response) => {
      const { ready, reason } = sources.readiness();
      text(response, ready ? 200 : 503, ready ? 'ok\n' : `not ready: ${reason}\n`);
    },
    '/drained': async (response) => {
      if (waiting >= DRAINED_WAITING_MAX) return text(response, 503, 'too many wait for this\n');
      const gone = new AbortController();
      waiting += 1;
      response.once('close', () => {
        waiting -= 1;
        gone.abort(new Error('nobody waits any more'));
      });
      text(response, 200, `${await sources.serverMayStop(gone.signal)}\n`);
    },
    '/metrics': async (response) => {
      const exposition = await sources.metrics.exposition();
      response.writeHead(200, { 'content-type': sources.metrics.contentType }).end(exposition);
    },
    '/raft/status': (response) => {
      const status = sources.raftStatus();
      const body = {
        node_id: status.nodeId,
        role: status.role,
        leader_id: status.leaderId ?? null,
        term: status.term,
        commit_index: status.commitIndex,
        applied_index: status.appliedIndex,
        voters: status.voters,
        voters_outgoing: status.configuration.votersOutgoing,
        learners: status.learners,
        snapshot_index: status.snapshotIndex,
        problems: sources.problems(),
      };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`${JSON.stringify(body)}\n`);
    },
  };
  return (request, response) => {
    const path = (request.url ?? '/').split('?')[0] as string;
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route === undefined)
      return text(response, 404, `no such path; try ${Object.keys(routes).join(', ')}\n`);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return text(response, 405, 'only GET\n');
    }
    void Promise.resolve(route(response)).catch(() => response.destroy());
  };
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}

/** Serves `handler` on `address:port`; rejects when the port cannot be had. */
export function listenHealth(handler: Handler, address: string, port: number): Promise<Server> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, handler);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
