/** The official MCP client, as any agent would use it: Streamable HTTP, default options. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

export interface EchoClient {
  sessionId(): string | undefined;
  toolNames(): Promise<string[]>;
  /** Rejects when the answer is not the echo of `message`. */
  echo(message: string): Promise<void>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

/** Opens a session at `url`, for a client that is not connected yet. */
export async function connectEcho(
  url: string,
  client = new Client({ name: 'mcp-cluster-demo', version: '1.0.0' }),
): Promise<EchoClient> {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport);
  return {
    sessionId: () => transport.sessionId,
    toolNames: async () => (await client.listTools()).tools.map(({ name }) => name),
    async echo(message) {
      const result = await client.callTool({ name: 'echo', arguments: { message } }, undefined, {
        timeout: CALL_TIMEOUT_MS,
      });
      const text = JSON.stringify(result.content);
      if (!text.includes(message)) throw new Error(`not the echo of ${message}: ${text}`);
    },
    async close() {
      await transport.terminateSession().catch(() => undefined);
      await client.close();
    },
  };
}
