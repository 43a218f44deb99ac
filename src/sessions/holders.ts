/** Which pods keep copies of a session's events: highest random weight (Thaler and Ravishankar 1996), so nobody has to record it. */

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
    .map((node) => ({ node, weight: hash(`${node}/${sessionId}`) }))
    .toSorted((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .slice(0, count)
    .map(({ node }) => node);
}

/** FNV-1a over UTF-16 units, finished as MurmurHash3 does, so that names which differ at the end spread too. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
