/** The kill and what follows: chooses the victim, kills it, and waits until the session lives elsewhere. */
import type { Clock } from '../../std/index.ts';
import type { ClusterMembers, MemberClient } from '../members.ts';
import type { EchoClient } from '../mcp-client.ts';
import { poll } from '../poll.ts';
import { factsAfter, type ObservedFact, type TimelineEntry } from './timeline.ts';

const SESSIONS_TRIED_MAX = 12;
const STATUS_TIMEOUT_MS = 1_000;

export interface Victim {
  readonly client: EchoClient;
  readonly sessionId: string;
  /** The pod that owns the session. */
  readonly owner: string;
  readonly leader: string;
}

/** Opens sessions until one has the wanted owner; every other one is closed again. */
export async function chooseVictim(
  open: () => Promise<EchoClient>,
  members: ClusterMembers,
  who: 'owner' | 'leader',
): Promise<Victim> {
  const others: EchoClient[] = [];
  try {
    for (let tried = 0; tried < SESSIONS_TRIED_MAX; tried++) {
      const client = await open();
      const sessionId = client.sessionId() ?? '';
      const owner = await ownerOf(members, sessionId);
      const leader = await leaderOf(members);
      if (who === 'owner' || owner === leader) return { client, sessionId, owner, leader };
      others.push(client);
    }
  } finally {
    await Promise.all(others.map((client) => client.close()));
  }
  throw new Error(`none of ${SESSIONS_TRIED_MAX} sessions landed on the Raft leader`);
}

/** The owner of a session as the first member that answers has it. */
export async function ownerOf(members: ClusterMembers, sessionId: string): Promise<string> {
  const { sessions } = await firstAnswer(members, ({ admin }) =>
    admin.listSessions({ id: sessionId }, { timeoutMs: STATUS_TIMEOUT_MS }),
  );
  const [session] = sessions;
  if (session === undefined) throw new Error(`no member knows the session ${sessionId}`);
  return session.owner;
}

async function leaderOf(members: ClusterMembers): Promise<string> {
  const status = await firstAnswer(members, ({ admin }) =>
    admin.getStatus({}, { timeoutMs: STATUS_TIMEOUT_MS }),
  );
  return status.leaderId;
}

function firstAnswer<T>(
  members: ClusterMembers,
  ask: (member: MemberClient) => Promise<T>,
): Promise<T> {
  return Promise.any(members.members.map(ask));
}

/** Collects the facts that members report, from now on. */
export async function watchFacts(members: ClusterMembers): Promise<readonly ObservedFact[]> {
  const facts: ObservedFact[] = [];
  await Promise.all(
    members.members.map(({ pod, admin }) =>
      admin.watchEvents(
        {},
        {
          onMessage: (event) => void facts.push({ ...event, observer: pod }),
          onEnd: () => undefined,
        },
      ),
    ),
  );
  return facts;
}

/** Waits until a member reports that the session moved; rejects after `timeoutMs`. */
export function awaitMove(
  facts: readonly ObservedFact[],
  sessionId: string,
  killedAt: number,
  clock: Clock,
  timeoutMs: number,
): Promise<ObservedFact> {
  return poll(
    clock,
    () => factsAfter(facts, killedAt, { kind: 'session-moved', subject: sessionId })[0],
    { ms: timeoutMs, message: `the session was not moved within ${timeoutMs} ms` },
  );
}

/** The story of the kill in lines: death seen, new leader, session moved, first answer. */
export function tellStory(
  facts: readonly ObservedFact[],
  victim: Victim,
  killedAt: number,
  firstAnswerAt: number | undefined,
): TimelineEntry[] {
  const [died] = factsAfter(facts, killedAt, { kind: 'member-dead', subject: victim.owner });
  const [elected] = factsAfter(facts, killedAt, { kind: 'leader-elected' });
  const [moved] = factsAfter(facts, killedAt, {
    kind: 'session-moved',
    subject: victim.sessionId,
  });
  const entries: TimelineEntry[] = [
    {
      at: killedAt,
      what: `${victim.owner} killed (owner of the session${victim.owner === victim.leader ? ', Raft leader' : ''})`,
    },
  ];
  if (died !== undefined)
    entries.push({ at: died.at, what: `death of ${victim.owner} seen by ${died.observer}` });
  if (elected !== undefined && victim.owner === victim.leader) {
    entries.push({
      at: elected.at,
      what: `new Raft leader: ${elected.subject}, term ${elected.attributes['term']}`,
    });
  }
  if (moved !== undefined) {
    entries.push({
      at: moved.at,
      what: `session moved to ${moved.attributes['to']}, epoch ${moved.attributes['epoch']} (${moved.attributes['reason']})`,
    });
  }
  if (firstAnswerAt !== undefined)
    entries.push({ at: firstAnswerAt, what: 'first answer after the kill' });
  return entries;
}
