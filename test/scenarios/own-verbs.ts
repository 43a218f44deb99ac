/** Commands that only our own scenarios have. */
import type { Configuration } from '../../src/raft/core/index.ts';
import { valueOf, type Case } from './datadriven.ts';
import { describeMessage } from './describe.ts';
import type { Member } from './member.ts';
import type { Selection } from './network.ts';
import {
  firstOf,
  idsOf,
  readChange,
  REQUEST,
  TRACE_VERBS,
  type Scene,
  type Verb,
} from './verbs.ts';

function selectionOf({ args }: Case, to: string): Selection {
  return { to, type: valueOf(args, 'type'), from: valueOf(args, 'from') };
}

/** Keeps copies of messages, which arrive once more when they are released. */
function copy({ env }: Scene, given: Case): void {
  for (const to of idsOf(given)) {
    env.print(...env.network.copy(selectionOf(given, to)).map(describeMessage));
  }
}

function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const set = (ids: readonly string[]): string => `(${ids.join(' ')})`;
  let text = set(voters);
  if (votersOutgoing.length > 0) text += `&&${set(votersOutgoing)}`;
  if (learners.length > 0) text += ` learners=${set(learners)}`;
  if (learnersNext.length > 0) text += ` learners-next=${set(learnersNext)}`;
  return text;
}

/** What matters of a member, on one line; its log as the term and index of each entry. */
function describeMember({ id, core, entries }: Member): string {
  const { role, term, vote, leaderId, commitIndex, appliedIndex, firstIndex, ...status } =
    core.status();
  const log = entries.map((entry) => `${entry.term}/${entry.index}`).join(' ');
  const text =
    `${id}: ${role} term=${term} vote=${vote ?? '-'} leader=${leaderId ?? '-'} ` +
    `commit=${commitIndex} applied=${appliedIndex} first=${firstIndex} log=[${log}] ` +
    `voters=${describeConfiguration(status.configuration)}`;
  const transfer = status.transferee === undefined ? '' : ` transferring-to=${status.transferee}`;
  return text + transfer + (status.removed ? ' removed' : '');
}

function members({ env }: Scene, given: Case): void {
  const some = idsOf(given).map((id) => env.member(id));
  env.print(...(some.length > 0 ? some : env.members).map(describeMember));
}

function read(scene: Scene, given: Case): void {
  const asked = firstOf(scene, given).core.readIndex(given.args[1]?.key as string);
  if (!asked) scene.env.print('refused');
}

function proposePrinting(scene: Scene, given: Case): void {
  const command = new TextEncoder().encode(given.args[1]?.key);
  scene.env.print(firstOf(scene, given).core.propose([command], REQUEST));
}

function proposeChange(scene: Scene, given: Case): void {
  scene.env.print(firstOf(scene, given).core.proposeConfig(readChange(given), REQUEST));
}

/** Puts an append without entries on its way, such as only a slow or strange network would still have. */
function inject({ env }: Scene, { args }: Case): void {
  const value = (key: string): string => valueOf(args, key) ?? '';
  const [prevTerm, prevIndex] = value('prev').split('/').map(Number) as [number, number];
  const envelope = { groupId: 'scenario', from: value('from'), to: value('to') };
  const [term, commit] = [Number(value('term')), Number(value('commit'))];
  env.send([{ ...envelope, type: 'append', term, prevIndex, prevTerm, entries: [], commit }]);
}

function tick(scene: Scene, given: Case): void {
  const { core } = firstOf(scene, given);
  for (let count = Number(valueOf(given.args, 'count') ?? 1); count > 0; count--) core.tick();
}

export const VERBS: Readonly<Record<string, Verb>> = {
  ...TRACE_VERBS,
  copy,
  cut: ({ env }, given) => {
    const [id, ...others] = idsOf(given) as [string, ...string[]];
    for (const other of others) env.network.cut(id, other);
  },
  inject,
  heal: ({ env }) => env.network.heal(),
  members,
  propose: proposePrinting,
  'propose-conf-change': proposeChange,
  read,
  release: ({ env }) => env.network.release(),
  'report-snapshot': (scene, given) => {
    const arrived = valueOf(given.args, 'arrived') === 'true';
    firstOf(scene, given).core.reportSnapshot(given.args[1]?.key as string, arrived);
  },
  reluctant: (scene, given) => firstOf(scene, given).core.setReluctant(true),
  restart: (scene, given) => scene.env.restart(firstOf(scene, given)),
  tick,
};
