/** What a dashboard is made of, before it is Grafana's JSON. */

/** Units by Grafana's names. */
export type Unit =
  | 'short'
  | 's'
  | 'bytes'
  | 'reqps'
  | 'ops'
  | 'percentunit'
  | 'dateTimeFromNow'
  | 'bool_on_off'
  | 'none';

export interface Query {
  /** PromQL; `$namespace`, `$cluster` and `$__rate_interval` are Grafana's variables. */
  readonly expr: string;
  /** How each series is called, as in `{{pod}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly description: string;
  /** `stat`: the last value, large; `series`: lines over time; `table`: the last values in rows. */
  readonly kind: 'stat' | 'series' | 'table';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Values at which the colour turns to red; below the first it is green. */
  readonly redFrom?: number;
  /** Red below this value. */
  readonly redBelow?: number;
  /** Lines on top of each other. */
  readonly stacked?: boolean;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Stable for ever: links and bookmarks hold it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Whether it has the variables `$namespace` and `$cluster`. */
  readonly perCluster: boolean;
  readonly rows: readonly Row[];
}

/** Series that the operator exports about the chosen clusters. */
export const CLUSTERS = 'namespace=~"$namespace",name=~"$cluster"';
/** Series that the members of the chosen clusters export. */
export const MEMBERS = 'namespace=~"$namespace",mcp_cluster=~"$cluster"';
