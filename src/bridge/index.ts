/**
 * Band 4: the bridge. Turns an MCP server that speaks over stdio into one that speaks Streamable HTTP, for the gateway beside
 * it: a process for each session, or one for all.
 */
import { BridgeSessions, type BridgeTools } from './bridge-sessions.ts';
import { createBridgeListener } from './listener.ts';

export interface BridgeOptions extends BridgeTools {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly path: string;
  readonly bodyBytesMax: number;
}

export interface Bridge {
  /** Rejects when the port cannot be had. */
  start(): Promise<{ readonly port: number }>;
  /** Ends every session and its process. */
  stop(): Promise<void>;
}

export function createBridge(options: BridgeOptions): Bridge {
  const sessions = new BridgeSessions(options);
  const listener = createBridgeListener({ ...options, sessions });
  return {
    async start() {
      const { port } = await listener.start();
      return { port };
    },
    async stop() {
      await sessions.stop();
      await listener.stop();
    },
  };
}
