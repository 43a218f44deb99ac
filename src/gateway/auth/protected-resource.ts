/** OAuth 2.0 protected resource metadata (RFC 9728): where a client learns who issues tokens for this endpoint. */
import { errorText, MCP_ERRORS, mcpError } from '../../mcp/index.ts';
import { now, plain, type Exchange, type Interceptor, type Reply } from '../exchange.ts';
import type { AuthPolicy } from '../policies.ts';

type ProtectedResource = NonNullable<AuthPolicy['protectedResource']>;

export interface MetadataOptions {
  /** The endpoint's path at the gateway. */
  readonly path: string;
  readonly policies: () => { readonly auth: AuthPolicy };
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** Answers requests for the metadata, which need no token. */
export function serveMetadata({ path, policies }: MetadataOptions): Interceptor {
  const tell = (exchange: Exchange): Reply => {
    const resource = policies().auth.protectedResource;
    const asked = exchange.path.slice(WELL_KNOWN.length);
    if (resource === undefined || !['', '/', path, pathOf(resource)].includes(asked))
      return plain(404, errorText(mcpError(MCP_ERRORS.notFound)));
    if (exchange.method !== 'GET')
      return plain(405, errorText(mcpError(MCP_ERRORS.methodNotAllowed)), { allow: 'GET' });
    const body = JSON.stringify({
      resource: resource.resource,
      authorization_servers: resource.authorizationServers,
      ...(resource.scopes.length === 0 ? {} : { scopes_supported: resource.scopes }),
      bearer_methods_supported: ['header'],
    });
    return plain(200, body, { 'cache-control': 'public, max-age=300' });
  };
  return (next) => (exchange) =>
    exchange.path.startsWith(WELL_KNOWN) ? now(tell(exchange)) : next(exchange);
}

/** Where the metadata of a resource is: the well-known path between its host and its own path (RFC 9728 §3.1). Undefined when it is no URL. */
export function metadataUrl(resource: ProtectedResource): string | undefined {
  return URL.parse(`${WELL_KNOWN}${pathOf(resource)}`, resource.resource)?.href;
}

/** '' for a resource without a path. */
function pathOf({ resource }: ProtectedResource): string {
  const path = URL.parse(resource)?.pathname ?? '';
  return path === '/' ? '' : path;
}
