/** Decides whether a principal may call a tool. */
import type { Principal } from '../exchange.ts';
import { namesTool, type AuthPolicy } from '../policies.ts';

type Rule = AuthPolicy['rules'][number];

export type Decision =
  | { readonly type: 'allowed' }
  | { readonly type: 'denied' }
  /** Denied, but a token with these scopes would do. */
  | { readonly type: 'scopes'; readonly scopes: readonly string[] };

const ALLOWED: Decision = { type: 'allowed' };
const DENIED: Decision = { type: 'denied' };

/** The first rule that fits decides; what none fits is denied; without rules everything is allowed. */
export function decide(rules: readonly Rule[], principal: Principal, tool: string): Decision {
  if (rules.length === 0) return ALLOWED;
  let missing: readonly string[] | undefined;
  for (const rule of rules) {
    if (!concerns(rule, principal, tool)) continue;
    const { scopes = [], effect } = rule;
    if (scopes.every((scope) => principal.scopes.includes(scope))) {
      if (effect === 'Allow') return ALLOWED;
      break;
    }
    if (effect === 'Allow') missing ??= scopes;
  }
  return missing === undefined ? DENIED : { type: 'scopes', scopes: missing };
}

function concerns({ tools, tenants, groups }: Rule, principal: Principal, tool: string): boolean {
  return (
    tools.some((pattern) => namesTool(pattern, tool)) &&
    (tenants === undefined || tenants.includes(principal.tenant)) &&
    (groups === undefined || groups.some((group) => principal.groups.includes(group)))
  );
}
