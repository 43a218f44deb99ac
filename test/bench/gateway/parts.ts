/** What the parts of the gateway's benchmark are given, and what each of them measures. */
import type { Row } from '../table.ts';

export interface GatewayBenchOptions {
  readonly repetitions: number;
  /** Length of one load. */
  readonly seconds: number;
  /** Idle streams that are opened. */
  readonly streams: number;
  /** A folder for processor profiles of the sidecars. */
  readonly profileDir: string | undefined;
}

export interface GatewayPart {
  /** Programs it cannot do without. */
  readonly needs: readonly string[];
  run(options: GatewayBenchOptions, print: (line: string) => void): Promise<Row[]>;
}
