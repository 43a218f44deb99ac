/** How a member leaves before its MCP server is stopped, and what the hook of the server's container is told. Pure. */

/** What became of a pod's sessions: as the gateway counts them. */
export interface HandedOver {
  readonly moved: number;
  readonly released: number;
  readonly cut: number;
}

export type Departure =
  | { readonly phase: 'staying' }
  /** Sessions are being handed over; that ends by itself, in the time that it was given. */
  | { readonly phase: 'leaving' }
  | { readonly phase: 'left'; readonly handedOver: HandedOver };

/** The hook awaits so long that the pod's other hook is heard: it starts a program, which takes its time on a busy node. */
export const WORD_AWAITED_MS = 5_000;

export interface HookFacts {
  /** How long the hook has waited by now. */
  readonly waitedMs: number;
  /** Somebody who may can tell this member to leave. */
  readonly canBeTold: boolean;
  /** The MCP server answers: one that hangs shall be ended, and has nothing that could still be saved. */
  readonly serverAnswers: boolean;
}

/** Why the server may stop now; undefined while it shall not. */
export function whyServerMayStop(departure: Departure, facts: HookFacts): string | undefined {
  const { phase } = departure;
  if (phase === 'left') return summary(departure.handedOver);
  if (!facts.canBeTold) return 'nothing can tell this member to leave: --hand-over-file is not set';
  // Its sessions go to other pods all the same.
  if (!facts.serverAnswers) return 'the MCP server does not answer: nothing of it can be saved';
  if (phase === 'leaving') return undefined;
  return facts.waitedMs < WORD_AWAITED_MS ? undefined : 'nobody has told this member to leave';
}

/** For people: of the log and of the hook's answer. */
export function summary({ moved, released, cut }: HandedOver): string {
  const parts = [
    `${moved} sessions handed over`,
    ...(released === 0
      ? []
      : [
          `${released} released, since no other pod takes sessions: whoever is asked for them takes them over`,
        ]),
    ...(cut === 0 ? [] : [`${cut} cut in their requests, since the time was over`]),
  ];
  return parts.join('; ');
}
