/** Which piece dies in which phase of a request, and what becomes of the request: the stated outcome of each case, as data. */

export const PIECES = [
  'owner pod',
  'front pod',
  "owner's MCP server",
  'Raft leader',
  'connection front to owner',
  'client connection',
] as const;
export const PHASES = [
  'before it is sent',
  'while it works',
  'in mid-stream',
  'after its result',
] as const;
export const ERAS = ['2025', '2026'] as const;

export type Piece = (typeof PIECES)[number];
export type Phase = (typeof PHASES)[number];
export type Era = (typeof ERAS)[number];

export interface Case {
  readonly piece: Piece;
  readonly phase: Phase;
  readonly era: Era;
  /** The tool says that a second call does no harm. */
  readonly idempotent: boolean;
}

export type Outcome =
  /** The result, on the connection of the request. */
  | 'answered'
  /** The JSON-RPC error that says what was lost, on the connection of the request. */
  | 'told'
  /** The client's connection broke; it resumed elsewhere by `Last-Event-ID` and got the result. */
  | 'resumed, answered'
  /** The same, but what it got was the error. */
  | 'resumed, told'
  /** The client's connection broke, and there is nothing to resume in this era, or nothing had come yet. */
  | 'connection lost'
  /** The client left, and so the server was told to stop. */
  | 'cancelled'
  /** The client left before its request was complete: it was never sent on. */
  | 'never sent';

/** Every case of the matrix. */
export const CASES: readonly Case[] = ERAS.flatMap((era) =>
  PIECES.flatMap((piece) =>
    PHASES.flatMap((phase) =>
      [true, false].map((idempotent) => ({ piece, phase, era, idempotent })),
    ),
  ),
);

/** What must come of a case. */
export function statedOutcome({ piece, phase, era, idempotent }: Case): Outcome {
  if (phase === 'after its result') return 'answered';
  if (piece === 'Raft leader') return 'answered';
  if (piece === 'client connection') {
    if (phase === 'before it is sent') return 'never sent';
    // In the 2026 era leaving is the cancel; before that it is none.
    return era === '2026' ? 'cancelled' : 'resumed, answered';
  }
  // Nothing of it had left: it is sent to somebody else, whatever it does.
  if (phase === 'before it is sent') return 'answered';
  if (piece === 'front pod') return era === '2026' ? 'connection lost' : 'resumed, answered';
  // The owner has the stream and the call; only the way to it broke. Stateless requests have no owner to resume at.
  if (piece === 'connection front to owner' && era === '2025') return 'answered';
  return idempotent ? 'answered' : 'told';
}

/** How often the tool may have run. */
export function runsAllowed({ piece, phase, idempotent }: Case): readonly number[] {
  if (piece === 'client connection' && phase === 'before it is sent') return [0];
  return idempotent ? [1, 2] : [1];
}

export interface Observed extends Case {
  readonly outcome: string;
  /** How often the tool ran. */
  readonly runs: number;
  /** From the fault to the outcome. */
  readonly afterMs: number;
}

/** A Markdown table: a row for each piece, phase and era; repeatable calls beside those that are not. */
export function matrixTable(observed: readonly Observed[]): string {
  const cell = (row: Case, idempotent: boolean): string => {
    const found = observed.find(
      ({ piece, phase, era, idempotent: which }) =>
        piece === row.piece && phase === row.phase && era === row.era && which === idempotent,
    );
    if (found === undefined) return 'not run';
    return `${found.outcome}, ran ${found.runs}, ${Math.round(found.afterMs)} ms`;
  };
  const rows = CASES.filter(({ idempotent }) => idempotent).map(
    (row) =>
      `| ${row.era} | ${row.piece} | ${row.phase} | ${cell(row, true)} | ${cell(row, false)} |`,
  );
  return [
    '| era | what dies | when | repeatable call | other call |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
