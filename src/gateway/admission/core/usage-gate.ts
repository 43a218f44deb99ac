/** Stops admission while the MCP server uses more than it may, and goes on only when it is clearly below. */

/** A server that hangs about its limit must not open and close the gate with every look. */
const REOPEN_PART = 0.9;

export interface UsageQuota {
  readonly cpu?: number;
  readonly memoryBytes?: number;
}

export interface Usage {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

export class UsageGate {
  #closed = false;

  /** True while nothing may be admitted. A usage that is not known closes nothing. */
  closed(quota: UsageQuota, usage: Usage | undefined): boolean {
    if (usage === undefined) return (this.#closed = false);
    const part = Math.max(
      usage.cpuCores / (quota.cpu ?? Infinity),
      usage.memoryBytes / (quota.memoryBytes ?? Infinity),
    );
    this.#closed = part > 1 || (this.#closed && part > REOPEN_PART);
    return this.#closed;
  }
}
