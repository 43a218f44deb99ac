/** What one client's session needs of the server behind the bridge, whether it has a process of its own or shares one. */
import type { ClassifiedMessage, JsonRpcRequest } from '../mcp/index.ts';
import type { Outlet } from './outlet.ts';

export interface Conversation {
  /** Sends a request; its answer, and what the server says while it works on it, go to `outlet`. */
  request(message: JsonRpcRequest, outlet: Outlet): void;
  /** Sends a notification, or the client's answer to a request of the server. */
  tell(message: ClassifiedMessage): void;
  /** From now on what belongs to no request goes to `outlet`; the outlet before it ends. */
  listen(outlet: Outlet): void;
  /** The client reads there no more. */
  left(outlet: Outlet): void;
  close(): Promise<void>;
}

export type ConversationEnd = (how: string) => void;
