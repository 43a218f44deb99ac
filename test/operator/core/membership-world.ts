/** A cluster that does what membership steps ask for, with pods, volumes and a log of who takes part; and what may go wrong. */
import type {
  DataState,
  MembershipMember,
  MembershipStep,
  MembershipView,
} from '../../../src/operator/core/membership.ts';
import { majority } from '../../../src/operator/core/quorum.ts';

interface Volume {
  readonly id: number;
  /** Whether it ever took part. */
  used: boolean;
  broken: boolean;
}

interface Pod {
  readonly uid: string;
  alive: boolean;
  /** Rounds until its sidecar answers. */
  startsIn: number;
  behind: number;
  draining: boolean;
  sessions: number;
}

export type Trouble =
  | { readonly kind: 'kill' | 'revive' | 'lose-volume' | 'break-volume'; readonly ordinal: number }
  | { readonly kind: 'spec'; readonly replicas: number; readonly voters: number };

export class World {
  target: { replicas: number; voters: number };
  /** What the status remembers. */
  scaledTo: number;
  releasing: number | undefined;
  /** What the StatefulSet is asked for. */
  set: number;
  readonly pods = new Map<number, Pod>();
  readonly volumes = new Map<number, Volume>();
  readonly voters = new Set<number>();
  readonly learners = new Set<number>();
  /** Volume by which the others know a member. */
  readonly known = new Map<number, number>();
  leader: number | undefined;
  #serial = 0;

  constructor(replicas: number, voters: number) {
    this.target = { replicas, voters };
    this.scaledTo = replicas;
    this.set = replicas;
    this.#syncPods();
    for (const [ordinal, pod] of this.pods) {
      pod.startsIn = 0;
      pod.behind = 0;
      (ordinal < voters ? this.voters : this.learners).add(ordinal);
    }
    this.#settle();
  }

  /** Time passes: the StatefulSet controller, the kubelet and the leader do their part. */
  pass(): void {
    // The operator applies what it remembers, in every round.
    this.set = this.scaledTo;
    this.#syncPods();
    for (const [ordinal, pod] of this.pods) {
      if (pod.startsIn > 0) pod.startsIn -= 1;
      if (pod.draining && pod.sessions > 0) pod.sessions -= 1;
      if (pod.draining && ordinal < this.target.replicas) pod.draining = false;
      if (this.#answers(ordinal) && this.#takesPart(ordinal) && pod.behind > 0) pod.behind -= 1;
    }
    this.#settle();
  }

  /** A member that follows, or leads. */
  follows(ordinal: number): boolean {
    const volume = this.volumes.get(ordinal);
    return (
      this.#answers(ordinal) && volume?.id === this.known.get(ordinal) && volume?.broken === false
    );
  }

  hasQuorum(): boolean {
    const following = [...this.voters].filter((ordinal) => this.follows(ordinal)).length;
    return this.voters.size > 0 && following >= majority(this.voters.size);
  }

  isCaughtUp(ordinal: number): boolean {
    return this.follows(ordinal) && this.pods.get(ordinal)?.behind === 0;
  }

  view(): MembershipView {
    const ordinals = new Set([
      ...Array.from({ length: this.scaledTo }, (_, ordinal) => ordinal),
      ...[...this.pods.keys(), ...this.voters, ...this.learners],
    ]);
    return {
      target: this.target,
      scaledTo: this.scaledTo,
      releasing: this.releasing,
      participants: this.hasQuorum()
        ? { voters: names(this.voters), votersOutgoing: [], learners: names(this.learners) }
        : undefined,
      leader: this.leader === undefined ? undefined : nameOf(this.leader),
      members: [...ordinals].sort((a, b) => a - b).map((ordinal) => this.#member(ordinal)),
    };
  }

  /** Does what `step` asks for. */
  execute(step: MembershipStep): void {
    switch (step.kind) {
      case 'change':
        for (const { type, id } of step.changes) {
          const ordinal = ordinalOf(id);
          this.voters.delete(ordinal);
          this.learners.delete(ordinal);
          if (type === 'remove') this.known.delete(ordinal);
          if (type === 'add-voter') this.voters.add(ordinal);
          if (type === 'add-learner') this.learners.add(ordinal);
        }
        break;
      case 'drain': {
        const pod = this.pods.get(ordinalOf(step.member));
        if (pod !== undefined) pod.draining = true;
        break;
      }
      case 'transfer':
        if (this.follows(ordinalOf(step.to))) this.leader = ordinalOf(step.to);
        break;
      case 'resize':
        if (step.replicas < this.scaledTo) this.releasing = step.replicas;
        this.scaledTo = step.replicas;
        break;
      case 'discard-data': {
        const ordinal = ordinalOf(step.member);
        if (this.pods.get(ordinal)?.uid !== step.podUid) break;
        this.pods.delete(ordinal);
        this.volumes.delete(ordinal);
        break;
      }
      case 'release-volume':
        this.volumes.delete(step.ordinal);
        this.releasing = undefined;
        break;
      case 'settled':
      case 'wait':
    }
    this.#settle();
  }

  /** What only the first half of a step leaves behind, when its author dies or an answer is lost. */
  executeHalf(step: MembershipStep): void {
    if (step.kind === 'discard-data') this.pods.delete(ordinalOf(step.member));
    else if (step.kind === 'release-volume') this.volumes.delete(step.ordinal);
    this.#settle();
  }

  suffer(trouble: Trouble): void {
    if (trouble.kind === 'spec') {
      const { replicas, voters } = trouble;
      this.target = { replicas, voters };
      return;
    }
    const { ordinal } = trouble;
    const pod = this.pods.get(ordinal);
    if (pod === undefined) return;
    if (trouble.kind === 'kill') pod.alive = false;
    if (trouble.kind === 'revive') pod.alive = true;
    if (trouble.kind === 'lose-volume') {
      this.volumes.delete(ordinal);
      this.pods.delete(ordinal);
    }
    const volume = this.volumes.get(ordinal);
    if (trouble.kind === 'break-volume' && volume !== undefined) volume.broken = true;
    this.#settle();
  }

  #member(ordinal: number): MembershipMember {
    const pod = this.pods.get(ordinal);
    const answers = this.#answers(ordinal);
    return {
      name: nameOf(ordinal),
      ordinal,
      podUid: pod?.uid,
      terminating: false,
      answers,
      starting: pod !== undefined && pod.alive && pod.startsIn > 0,
      caughtUp: this.isCaughtUp(ordinal),
      draining: pod?.draining === true,
      drained: !answers || (pod?.draining === true && pod.sessions === 0),
      data: this.#data(ordinal),
    };
  }

  #data(ordinal: number): DataState {
    const volume = this.volumes.get(ordinal);
    const pod = this.pods.get(ordinal);
    if (volume === undefined || pod === undefined || !pod.alive) return 'unknown';
    if (volume.broken) return 'unusable';
    if (!this.#answers(ordinal)) return 'unknown';
    if (this.#takesPart(ordinal)) {
      return volume.id === this.known.get(ordinal) ? 'current' : 'replaced';
    }
    return volume.used ? 'removed' : 'empty';
  }

  #answers(ordinal: number): boolean {
    const pod = this.pods.get(ordinal);
    return pod?.alive === true && pod.startsIn === 0 && this.volumes.get(ordinal)?.broken === false;
  }

  #takesPart = (ordinal: number): boolean => this.voters.has(ordinal) || this.learners.has(ordinal);

  #syncPods(): void {
    for (const ordinal of this.pods.keys()) if (ordinal >= this.set) this.pods.delete(ordinal);
    for (let ordinal = 0; ordinal < this.set; ordinal += 1) {
      if (!this.volumes.has(ordinal)) {
        this.volumes.set(ordinal, { id: (this.#serial += 1), used: false, broken: false });
      }
      if (this.pods.has(ordinal)) continue;
      const uid = `uid-${(this.#serial += 1)}`;
      this.pods.set(ordinal, {
        uid,
        alive: true,
        startsIn: 2,
        behind: 2,
        draining: false,
        sessions: 2,
      });
    }
  }

  /** Members learn who the others are, and somebody leads where somebody can. */
  #settle(): void {
    for (const ordinal of [...this.voters, ...this.learners]) {
      const volume = this.volumes.get(ordinal);
      if (volume === undefined || !this.#answers(ordinal)) continue;
      if (!this.known.has(ordinal)) this.known.set(ordinal, volume.id);
      if (this.known.get(ordinal) === volume.id) volume.used = true;
    }
    if (!this.hasQuorum()) this.leader = undefined;
    else if (
      this.leader === undefined ||
      !this.follows(this.leader) ||
      !this.voters.has(this.leader)
    ) {
      this.leader = [...this.voters].find((ordinal) => this.follows(ordinal));
    }
  }
}

export const nameOf = (ordinal: number): string => `tools-${ordinal}`;
const ordinalOf = (name: string): number => Number(name.slice('tools-'.length));
const names = (ordinals: ReadonlySet<number>): string[] =>
  [...ordinals].sort((a, b) => a - b).map(nameOf);
