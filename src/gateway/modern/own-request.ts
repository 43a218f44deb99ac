/** Requests of the stateless era that the gateway makes for itself. */
import { HEADER, MODERN_VERSIONS, type JsonObject, type JsonRpcRequest } from '../../mcp/index.ts';
import type { FlatHeaders } from '../exchange.ts';

const [VERSION] = MODERN_VERSIONS;

/** A request that asks for nothing of the client, with the headers that repeat it. Not for methods that have an `Mcp-Name`. */
export function modernRequest(
  method: string,
  params: JsonObject = {},
): { readonly message: JsonRpcRequest; readonly headers: FlatHeaders } {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': VERSION,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'mcp-cluster-gateway', version: '1' },
  };
  return {
    message: { jsonrpc: '2.0', id: 'mcp-cluster', method, params: { ...params, _meta: meta } },
    headers: { [HEADER.protocolVersion]: VERSION, [HEADER.mcpMethod]: method },
  };
}
