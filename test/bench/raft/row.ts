/** What every row of the Raft benchmark is given and gives back. */
import type { Row } from '../table.ts';

export interface RaftBenchOptions {
  /** Fewer and shorter runs, for CI: shows that everything works, not how fast it is. */
  readonly short: boolean;
  /** How long the run at full load is, in minutes. */
  readonly minutes: number;
  readonly repetitions: number;
  /** Deaths of a leader, of each kind. */
  readonly kills: number;
  /** How far behind the follower is, in MB. */
  readonly catchUpMb: number;
  /** A folder for processor profiles of our members. */
  readonly profileDir: string | undefined;
}

/** A part of the benchmark: measures one or more rows, or says why it cannot. */
export interface Part {
  /** Without etcd there is nothing to compare with. */
  readonly needsEtcd: boolean;
  readonly needsLoader: boolean;
  run(options: RaftBenchOptions, print: (line: string) => void): Promise<Row[]>;
}
