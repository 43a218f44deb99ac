/** Which pods keep copies of a session's events: highest random weight (Thaler and Ravishankar 1996), so nobody has to record it. */
import { hashText } from '../std/index.ts';

/**
 * The `count` nodes that keep copies for `sessionId`, the best first. When a node comes or goes, only the sessions that it
 * keeps, or shall keep, change their holders.
 */
export function chooseHolders(
  sessionId: string,
  nodes: readonly string[],
  count: number,
): readonly string[] {
  if (count <= 0) return [];
  return nodes
    .map((node) => ({ node, weight: hashText(`${node}/${sessionId}`) }))
    .toSorted((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .slice(0, count)
    .map(({ node }) => node);
}
