/** A run that both sides can play: who there is, with which limits, and what happens to them, one event after another. */
import type { ConfigChange } from '../../src/raft/core/index.ts';

/** What a cluster is set up with. Members are numbers, as etcd's are. */
export interface Setup {
  readonly members: readonly number[];
  /** The founding voters; the other members begin with nothing. */
  readonly voters: readonly number[];
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** The election timeout of each member: in place of chance, so that it is the same on both sides. */
  readonly timeouts: Readonly<Record<string, number>>;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Writes and applying happen on the spot, in place of by events of their own. */
  readonly sync: boolean;
  /** One entry a message, or all there are: what lies between depends on how entries are encoded. */
  readonly oneEntry: boolean;
  readonly inflightMessages: number;
  /** Zero for no limit. */
  readonly inflightBytes: number;
  /** Zero for no limit. */
  readonly uncommittedBytes: number;
  /** Either the members change, or reads are asked: reads under way while a majority changes are answered at other times. */
  readonly changes: boolean;
}

/** A message is named by its pair and its place among those that are under way there. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly position: number;
}

/** With `hold` the driver does not look yet at what there is to do, so that several events come to it as one. */
export type Event = Happening & { readonly hold?: boolean };

type Happening =
  | (Place & {
      readonly op: 'deliver';
      /** It stays under way, to come once more. */ readonly keep: boolean;
    })
  | (Place & { readonly op: 'drop' })
  | { readonly op: 'tick'; readonly node: number; readonly count: number }
  | { readonly op: 'campaign'; readonly node: number }
  | { readonly op: 'propose'; readonly node: number; readonly data: readonly string[] }
  | ChangeEvent
  | { readonly op: 'persist' | 'apply' | 'restart' | 'forget'; readonly node: number }
  /** The first `count` of the writes that were under way reached the disk. */
  | { readonly op: 'crash'; readonly node: number; readonly count: number }
  | {
      readonly op: 'compact';
      readonly node: number;
      readonly index: number;
      readonly through: number;
    }
  | { readonly op: 'transfer' | 'unreachable'; readonly node: number; readonly peer: number }
  | {
      readonly op: 'snapshot-reported';
      readonly node: number;
      readonly peer: number;
      readonly arrived: boolean;
    }
  | { readonly op: 'read'; readonly node: number; readonly data: readonly [string] }
  /** Nothing happens; all members are looked at. */
  | { readonly op: 'compare' };

export interface ChangeEvent {
  readonly op: 'change';
  readonly node: number;
  readonly transition: ConfigChange['transition'];
  readonly changes: readonly {
    readonly type: ConfigChange['changes'][number]['type'];
    readonly id: number;
  }[];
}

/** A setup and all that happened; the same on both sides, or one of them is wrong. */
export interface Run extends Setup {
  readonly seed: number;
  readonly events: readonly Event[];
  /** What the members looked like after each event, here. */
  readonly texts: readonly string[];
  /** Something impossible happened here, in the event after the last text. */
  readonly failure?: string | undefined;
  /** Kinds of things that happened. */
  readonly seen: ReadonlySet<string>;
}
