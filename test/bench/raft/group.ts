/** Three members of ours, each a process of its own on loopback with mutual TLS. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsMaterial } from '../../../src/security/index.ts';
import { eventually } from '../../eventually.ts';
import { freePorts } from '../../free-ports.ts';
import { createAuthority, memberMaterial } from '../../rpc/fixture.ts';
import type { MemberCalls } from './member.ts';

type Work<Call extends keyof MemberCalls> = Parameters<MemberCalls[Call]>;
type Result<Call extends keyof MemberCalls> = Awaited<ReturnType<MemberCalls[Call]>>;

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A member's process. */
export class MemberProcess {
  readonly id: string;
  readonly child: ChildProcess;
  /** Resolves when the program is loaded. */
  readonly loaded: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(id: string, profileDir: string | undefined) {
    this.id = id;
    const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
    this.child = fork(join(import.meta.dirname, 'member.ts'), [], { execArgv: profile });
    this.child.on('message', ({ id, result, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    this.child.on('exit', () => this.#failAll());
    this.child.on('error', () => this.#failAll());
    this.loaded = this.call('ping');
  }

  get pid(): number {
    return this.child.pid as number;
  }

  call<Call extends keyof MemberCalls>(call: Call, ...[work]: Work<Call>): Promise<Result<Call>> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, call, work }, (error) => error !== null && reject(error));
    });
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }

  #failAll(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.id} is gone`));
    this.#waiting.clear();
  }
}

export class Group {
  readonly members = new Map<string, MemberProcess>();
  readonly #folder: string;
  readonly #ports: Readonly<Record<string, number>>;
  readonly #tls: TlsMaterial;
  readonly #profileDir: string | undefined;

  private constructor(
    folder: string,
    ports: Readonly<Record<string, number>>,
    tls: TlsMaterial,
    profileDir: string | undefined,
  ) {
    this.#folder = folder;
    this.#ports = ports;
    this.#tls = tls;
    this.#profileDir = profileDir;
  }

  static async start(profileDir?: string): Promise<Group> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-raft-'));
    const [n1, n2, n3] = (await freePorts(3)) as [number, number, number];
    const tls = await memberMaterial(await createAuthority(), 'bench');
    const group = new Group(folder, { n1, n2, n3 }, tls, profileDir);
    await Promise.all(Object.keys({ n1, n2, n3 }).map((id) => group.startMember(id)));
    await group.leader();
    return group;
  }

  /** A process that has loaded its program and waits for `join`. */
  spawn(id: string): MemberProcess {
    const member = new MemberProcess(id, this.#profileDir);
    this.members.set(id, member);
    return member;
  }

  async join(member: MemberProcess): Promise<void> {
    const dataDir = join(this.#folder, member.id);
    await member.call('start', { id: member.id, ports: this.#ports, dataDir, tls: this.#tls });
  }

  async startMember(id: string): Promise<void> {
    await this.join(this.spawn(id));
  }

  /** The member that leads and that all agree on, with everyone up to date with it. */
  leader(): Promise<MemberProcess> {
    return eventually(
      'one leader for all, and all up to date',
      async () => {
        const members = [...this.members.values()];
        const all = await Promise.all(members.map((member) => member.call('status')));
        const leader = members.find((_, i) => all[i]?.isLeader);
        const agreed = all.every(
          ({ leaderId, term, appliedIndex }) =>
            leaderId === leader?.id &&
            term === all[0]?.term &&
            appliedIndex === all[0]?.appliedIndex,
        );
        return agreed ? leader : undefined;
      },
      60_000,
    );
  }

  followers(leader: MemberProcess): MemberProcess[] {
    return [...this.members.values()].filter((member) => member !== leader);
  }

  get pids(): number[] {
    return [...this.members.values()].map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    const signal = this.#profileDir === undefined ? 'SIGKILL' : 'SIGTERM';
    await Promise.all([...this.members.values()].map((member) => member.end(signal)));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
