/** Finds out who sends a request. Stands before its body is read: nobody unknown makes us hold anything. */
import { errorText, MCP_ERRORS, mcpError } from '../../mcp/index.ts';
import { unreachable } from '../../std/index.ts';
import {
  plain,
  type Exchange,
  type Interceptor,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
import type { AuthPolicy } from '../policies.ts';
import type { Audit } from './audit.ts';
import { readBearer } from './bearer.ts';
import { challenged } from './challenge.ts';
import type { Providers } from './providers.ts';
import type { Verdict } from './verdict.ts';

export interface AuthenticateOptions {
  readonly policies: () => { readonly auth: AuthPolicy };
  readonly providers: Providers;
  readonly audit: Audit;
}

export function authenticate(options: AuthenticateOptions): Interceptor {
  return (next) => {
    const pass = (policy: AuthPolicy, exchange: Exchange): Promise<Reply> => {
      if (policy.forwardToken === false) delete exchange.headers['authorization'];
      return next(exchange);
    };
    const ask = async (policy: AuthPolicy, exchange: Exchange): Promise<Reply> =>
      (await identify(options, policy, exchange)) ?? pass(policy, exchange);
    return (exchange) => {
      const policy = options.policies().auth;
      return policy.providers.length > 0 ? ask(policy, exchange) : pass(policy, exchange);
    };
  };
}

/** Fills in the principal, or says why there is none. */
async function identify(
  { providers, audit }: AuthenticateOptions,
  policy: AuthPolicy,
  exchange: Exchange,
): Promise<PlainReply | undefined> {
  const bearer = readBearer(exchange);
  if (bearer.type === 'missing') {
    audit.refused('missing-token');
    return challenged(MCP_ERRORS.tokenRequired, policy, {});
  }
  if (bearer.type === 'malformed') {
    audit.refused('malformed');
    return challenged(MCP_ERRORS.authorizationMalformed, policy, { error: 'invalid_request' });
  }
  const verdict: Verdict = await providers.check(policy, bearer.token);
  switch (verdict.type) {
    case 'known':
      exchange.principal = verdict.principal;
      return undefined;
    case 'unknown':
    case 'invalid':
      audit.refused(verdict.type === 'unknown' ? 'unknown-token' : verdict.reason);
      return challenged(MCP_ERRORS.tokenInvalid, policy, { error: 'invalid_token' });
    case 'unavailable':
      // Not 401: the client would throw a good token away.
      audit.refused('unavailable', { problem: verdict.detail });
      return plain(503, errorText(mcpError(MCP_ERRORS.authUnavailable)), { 'retry-after': '1' });
    default:
      return unreachable(verdict);
  }
}
