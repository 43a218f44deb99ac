/** What happened around the kill, in order, as the survivors and the client saw it. */

/** One line of the timeline; `at` is wall-clock milliseconds. */
export interface TimelineEntry {
  readonly at: number;
  readonly what: string;
}

/** A fact that a member's admin service reported. */
export interface ObservedFact {
  readonly at: number;
  /** The pod that reported it. */
  readonly observer: string;
  readonly kind: string;
  readonly subject: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The facts of one kind about one subject after `since`, earliest first; several observers see the same fact. */
export function factsAfter(
  facts: readonly ObservedFact[],
  since: number,
  match: { readonly kind: string; readonly subject?: string },
): ObservedFact[] {
  return facts
    .filter(({ at, kind }) => at >= since && kind === match.kind)
    .filter(({ subject }) => match.subject === undefined || subject === match.subject)
    .sort((a, b) => a.at - b.at);
}

/** Lines with milliseconds relative to the kill. */
export function renderTimeline(entries: readonly TimelineEntry[], killedAt: number): string[] {
  return [...entries]
    .sort((a, b) => a.at - b.at)
    .map(({ at, what }) => {
      const offset = Math.round(at - killedAt);
      return `  ${`${offset >= 0 ? '+' : ''}${offset} ms`.padStart(9)}  ${what}`;
    });
}
