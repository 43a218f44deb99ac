/** The log of fake pods: who takes part in it, on which volumes, and who leads; changed as the admin service changes it. */
import { isDeepStrictEqual } from 'node:util';
import type { MemberChange, Participants, SidecarStatus } from '../../src/operator/core/index.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import { RpcError } from '../../src/rpc/index.ts';

type Fields = Pick<
  SidecarStatus,
  | ('role' | 'leaderId' | 'term' | 'commitIndex' | 'matchIndexes' | 'voters' | 'votersOutgoing')
  | ('learners' | 'diskId' | 'lastIndex' | 'lastTerm' | 'problems' | 'ready' | 'recovery')
>;

const COMMIT = 10;

export interface FakeMembers {
  /** Looks at what there is: who founds, and which volume each pod has. */
  look(): Promise<void>;
  /** What a pod that answers says of the log. */
  statusOf(name: string, alive: readonly string[]): Fields;
  change(changes: readonly MemberChange[], expected: Participants | undefined): void;
  transfer(from: string, to: string, alive: readonly string[]): void;
  /** `-<type> <id>` for each change that was made, in order. */
  readonly changes: string[];
  /** Whose state differs from the majority's. */
  readonly divergent: Set<string>;
  /** Forced beginnings that pods were told of, by pod. */
  readonly recoveries: Map<string, { readonly id: string; readonly trust: string }>;
}

export function createFakeMembers(
  client: KubeClient,
  namespace: string,
  cluster: string,
): FakeMembers {
  const voters = new Set<string>();
  const learners = new Set<string>();
  const disks = new Map<string, string>();
  const known = new Map<string, string>();
  const used = new Set<string>();
  const divergent = new Set<string>();
  const changes: string[] = [];
  const recoveries: FakeMembers['recoveries'] = new Map();
  /** Pods whose volume holds other data than at first. */
  const wiped = new Set<string>();
  const forgetDisk = (name: string): void => {
    disks.delete(name);
    wiped.delete(name);
  };
  let begun: string | undefined;
  let leader = '';
  let term = 1;
  const takesPart = (name: string): boolean => voters.has(name) || learners.has(name);
  const isSame = (name: string): boolean => known.get(name) === disks.get(name);
  const participants = (): Participants => ({
    voters: [...voters].sort(),
    votersOutgoing: [],
    learners: [...learners].sort(),
  });
  const elect = (alive: readonly string[]): void => {
    for (const name of alive) {
      const disk = disks.get(name);
      if (disk === undefined || !takesPart(name)) continue;
      if (!known.has(name)) known.set(name, disk);
      if (isSame(name)) used.add(disk);
    }
    const able = alive.filter((name) => voters.has(name) && isSame(name) && !divergent.has(name));
    if (able.length <= voters.size / 2) leader = '';
    else if (!able.includes(leader)) {
      leader = able[0] ?? '';
      term += 1;
    }
  };
  /** What the trusted sidecar does to its own data, and what the others do to theirs, at their start. */
  const beginAgain = (alive: readonly string[]): void => {
    for (const [name, { id, trust }] of recoveries) {
      if (begun === id || name !== trust || !alive.includes(name)) continue;
      begun = id;
      for (const other of [...voters, ...learners]) known.delete(other);
      voters.clear();
      learners.clear();
      voters.add(trust);
      for (const other of disks.keys()) {
        if (other === trust) continue;
        wiped.add(other);
        disks.set(other, `${other} of ${id}`);
      }
      term += 1_000;
    }
  };
  return {
    changes,
    divergent,
    recoveries,
    async look() {
      if (voters.size === 0) {
        const map = await client.get(RESOURCES.configMaps, {
          namespace,
          name: `${cluster}-config`,
        });
        const text = (map?.['data'] as Record<string, string> | undefined)?.['config.json'];
        const config = JSON.parse(text ?? '{}') as { voters?: string[] };
        for (const id of config.voters ?? []) voters.add(id);
      }
      const claims = await client.list<KubeObject>(RESOURCES.persistentVolumeClaims, { namespace });
      const there = new Map(
        claims.items.map(({ metadata }) => [metadata.name?.replace('data-', ''), metadata.uid]),
      );
      for (const [name, uid] of there) {
        if (name !== undefined && !wiped.has(name)) disks.set(name, uid ?? '');
      }
      for (const name of disks.keys()) if (!there.has(name)) forgetDisk(name);
    },
    statusOf(name, alive) {
      beginAgain(alive);
      elect(alive);
      const isIn = takesPart(name) && isSame(name);
      const disk = disks.get(name) ?? '';
      const matchIndex = COMMIT;
      return {
        role: name === leader ? 'leader' : voters.has(name) ? 'follower' : 'learner',
        leaderId: isIn ? leader : '',
        term: isIn ? term : 0,
        commitIndex: isIn ? COMMIT : 0,
        matchIndexes:
          name === leader
            ? [...voters, ...learners]
                .filter((id) => isSame(id) && alive.includes(id))
                .map((id) => ({ id, matchIndex, diskId: known.get(id) ?? '' }))
                .concat(
                  [...voters, ...learners]
                    .filter((id) => !isSame(id) || !alive.includes(id))
                    .map((id) => ({ id, matchIndex: 0, diskId: known.get(id) ?? '' })),
                )
            : [],
        ...(isIn ? participants() : { voters: [], votersOutgoing: [], learners: [] }),
        diskId: disk,
        lastIndex: used.has(disk) ? COMMIT : 0,
        lastTerm: used.has(disk) ? term : 0,
        problems: divergent.has(name) ? [{ code: 'divergent', message: 'differs' }] : [],
        ready: isIn && leader !== '' && !divergent.has(name),
        recovery: begun ?? '',
      };
    },
    change(steps, expected) {
      if (leader === '') throw new RpcError('unavailable', 'no leader');
      if (expected !== undefined && !isDeepStrictEqual(expected, participants())) {
        throw new RpcError('aborted', 'others take part by now');
      }
      for (const { type, id } of steps) {
        voters.delete(id);
        learners.delete(id);
        if (type === 'add-voter') voters.add(id);
        if (type === 'add-learner') learners.add(id);
        if (type === 'remove') {
          known.delete(id);
          divergent.delete(id);
        }
        changes.push(`${type} ${id}`);
      }
    },
    transfer(from, to, alive) {
      if (from !== leader || !alive.includes(to) || !voters.has(to)) {
        throw new RpcError('aborted', 'not moved');
      }
      leader = to;
      term += 1;
    },
  };
}
