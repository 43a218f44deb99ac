/** Role-based access control: whether roles and bindings allow a request. Rules only ever allow; without one it is refused. */

const RBAC = 'rbac.authorization.k8s.io';

/** One rule of a Role or ClusterRole. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

interface RoleRef {
  readonly kind: string;
  readonly name: string;
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A RoleBinding or ClusterRoleBinding. */
export interface AccessBinding {
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** What somebody wants to do. */
export type Attempt =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      /** Empty: the resource itself. */
      readonly subresource: string;
      /** Empty: cluster-wide, or every namespace. */
      readonly namespace: string;
      /** Empty: no single object. */
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
}

/** The bindings that may concern an attempt, and the rules of the roles they name. */
export interface AccessPolicy {
  readonly bindings: readonly AccessBinding[];
  /** Undefined: there is no such role. `namespace` is the binding's; a ClusterRole has none. */
  rules(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
}

export interface AccessVerdict {
  readonly allowed: boolean;
  /** The binding that allows it, or roles that are named and missing; in the words of the real server. */
  readonly reason?: string;
}

/** Looks for a binding of the caller to a role that allows the attempt. */
export function decideAccess(
  caller: Caller,
  attempt: Attempt,
  policy: AccessPolicy,
): AccessVerdict {
  const missing: string[] = [];
  const inCluster = policy.bindings.filter(({ kind }) => kind === 'ClusterRoleBinding');
  const inNamespace = policy.bindings.filter(
    ({ kind, metadata }) =>
      kind === 'RoleBinding' &&
      attempt.kind === 'resource' &&
      attempt.namespace !== '' &&
      metadata.namespace === attempt.namespace,
  );
  for (const binding of [...inCluster, ...inNamespace]) {
    const { namespace = '', name = '' } = binding.metadata;
    const subject = binding.subjects?.find((one) => isSubject(one, caller, namespace));
    if (subject === undefined) continue;
    const { kind, name: role } = binding.roleRef;
    const rules = policy.rules(binding.roleRef, namespace);
    if (rules === undefined) {
      missing.push(`${kind.toLowerCase()}.${RBAC} ${JSON.stringify(role)} not found`);
      continue;
    }
    if (!rules.some((rule) => allows(rule, attempt))) continue;
    const bound = namespace === '' ? name : `${name}/${namespace}`;
    const reason = `RBAC: allowed by ${binding.kind} ${JSON.stringify(bound)} of ${kind} ${JSON.stringify(role)} to ${subjectText(subject)}`;
    return { allowed: true, reason };
  }
  if (missing.length === 0) return { allowed: false };
  const reason = missing.length === 1 ? missing.join() : `[${missing.join(', ')}]`;
  return { allowed: false, reason: `RBAC: ${reason}` };
}

function isSubject(subject: Subject, caller: Caller, namespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === caller.name;
    case 'Group':
      return caller.groups.includes(subject.name);
    case 'ServiceAccount':
      return (
        caller.name === `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`
      );
    default:
      return false;
  }
}

function subjectText({ kind, name, namespace }: Subject): string {
  return `${kind} ${JSON.stringify(kind === 'ServiceAccount' ? `${name}/${namespace ?? ''}` : name)}`;
}

/** Does this rule allow the attempt? */
export function allows(rule: PolicyRule, attempt: Attempt): boolean {
  if (!holds(rule.verbs, attempt.verb)) return false;
  if (attempt.kind === 'path') return (rule.nonResourceURLs ?? []).some(urlMatcher(attempt.path));
  const { group, resource, subresource, name } = attempt;
  const names = rule.resourceNames ?? [];
  return (
    holds(rule.apiGroups, group) &&
    (rule.resources ?? []).some((one) => isResource(one, resource, subresource)) &&
    (names.length === 0 || names.includes(name))
  );
}

const holds = (list: readonly string[] = [], value: string): boolean =>
  list.includes('*') || list.includes(value);

function isResource(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === '*') return true;
  if (subresource === '') return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}

const urlMatcher =
  (path: string) =>
  (pattern: string): boolean =>
    pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
