/** What sidecars and operator must agree on about the beginning of a cluster. */

/** A commit index up to this one is only the founders' agreement: the cluster has agreed on nothing of its own yet. */
export const FOUNDED_INDEX = 1;
