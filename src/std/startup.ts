/** What a pod's processes and whoever starts them agree on about time. */

/** How long a member may take until it answers; Kubernetes ends one that takes longer, and backs off. */
export const STARTUP_MS_MAX = 60_000;
