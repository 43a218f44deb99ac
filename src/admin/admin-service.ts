/** The admin gRPC service: thin handlers over the member they run in. */
import {
  RpcError,
  services,
  type RpcServer,
  type ServerStream,
  type ServiceHandlers,
  type Wire,
} from '../rpc/index.ts';
import type { AdminMember, MembershipRequest } from './ports.ts';

const SESSIONS_LIMIT_DEFAULT = 1_000;
/** Most sessions in one answer; a larger limit is cut to this. */
const SESSIONS_LIMIT_MAX = 10_000;
/** Bytes of events a slow watcher may leave unread before its stream is ended. */
const EVENT_BYTES_ESTIMATE = 256;

/** Adds the admin service to the member's gRPC server; call it before the server listens. */
export function serveAdmin(server: RpcServer, member: AdminMember): void {
  server.addService(services.admin, adminHandlers(member), {
    roles: ['operator', 'administrator'],
    methods: {
      getStatus: ['member', 'backup'],
      exportState: ['backup'],
      importState: ['backup'],
    },
  });
}

function adminHandlers(member: AdminMember): ServiceHandlers<Wire.AdminMethods> {
  return {
    getStatus: async () => member.status(),
    listSessions: async ({ limit, id }) => ({
      sessions: member.sessions(
        Math.min(limit === 0 ? SESSIONS_LIMIT_DEFAULT : limit, SESSIONS_LIMIT_MAX),
        id === '' ? undefined : id,
      ),
    }),
    async applyConfig({ generation, config }, { signal }) {
      const result = await member.applyConfig(generation, config, signal);
      if ('problem' in result) throw new RpcError('invalid-argument', result.problem);
      return result;
    },
    changeMembership: async (request, { signal }) =>
      member.changeMembership(membershipRequest(request), signal),
    transferLeadership: async ({ to }, { signal }) => ({
      leaderId: await member.transferLeadership(to === '' ? undefined : to, signal),
    }),
    async drain({ enabled }) {
      member.drain(enabled);
      return {};
    },
    exportState(_request, stream) {
      member
        .exportState(stream.signal)
        .then(({ revision, entries }) => sendPages(stream, revision, entries))
        .catch((error: unknown) => stream.end(asRpcError(error)));
    },
    importState: async (request, { signal }) => ({
      written: await member.importState(request, signal),
    }),
    watchEvents(_request, stream) {
      const stop = member.onEvent((event) => {
        if (!stream.send(event, EVENT_BYTES_ESTIMATE)) {
          stop();
          stream.end(new RpcError('resource-exhausted', 'events are read too slowly'));
        }
      });
      stream.signal.addEventListener('abort', stop, { once: true });
    },
  };
}

/** Characters of keys and values in one page, about. */
const PAGE_CHARACTERS_MAX = 256 * 1024;
const ENTRY_BYTES_ESTIMATE = 16;

/** A page goes out when the connection has taken the one before: a slow reader costs one page of memory. */
async function sendPages(
  stream: ServerStream<Wire.StatePageInput>,
  revision: number,
  entries: readonly Wire.StateEntryInput[],
): Promise<void> {
  let page: Wire.StateEntryInput[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.signal.addEventListener('abort', () => resolve(), { once: true });
    if (!stream.send({ revision, entries: page }, size, resolve)) {
      throw new RpcError('resource-exhausted', 'the backup is read too slowly');
    }
    await promise;
    [page, size] = [[], 0];
  };
  for (const entry of entries) {
    if (stream.signal.aborted) return;
    page.push(entry);
    size += (entry.key?.length ?? 0) + (entry.value?.length ?? 0) + ENTRY_BYTES_ESTIMATE;
    if (size >= PAGE_CHARACTERS_MAX) await flush();
  }
  // The last page may be empty: it says the revision all the same.
  await flush();
  stream.end();
}

function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError ? error : new RpcError('internal', (error as Error).message);
}

const TRANSITIONS = ['auto', 'joint-implicit', 'joint-explicit'] as const;
const STEPS = ['add-voter', 'add-learner', 'remove'] as const;
/** More than any cluster has. */
const STEPS_MAX = 1_000;

function membershipRequest({
  transition,
  changes,
  expected,
}: Wire.ChangeMembershipRequest): MembershipRequest {
  if (changes.length > STEPS_MAX) {
    throw new RpcError('invalid-argument', `changes: ${changes.length}, at most ${STEPS_MAX}`);
  }
  return {
    ...(expected === null ? {} : { expected }),
    transition: oneOf('transition', TRANSITIONS, transition === '' ? 'auto' : transition),
    changes: changes.map(({ type, id }) => {
      if (id === '') throw new RpcError('invalid-argument', 'changes: an id is missing');
      return { type: oneOf('changes: type', STEPS, type), id };
    }),
  };
}

function oneOf<T extends string>(field: string, allowed: readonly T[], value: string): T {
  const found = allowed.find((item) => item === value);
  if (found !== undefined) return found;
  throw new RpcError('invalid-argument', `${field} ${value}: expected ${allowed.join(', ')}`);
}
