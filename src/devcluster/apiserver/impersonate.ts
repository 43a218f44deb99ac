/** Acting as somebody else (`kubectl --as`), for callers who may impersonate each part of who they want to be. */
import type { IncomingMessage } from 'node:http';
import { ANONYMOUS } from './authenticate.ts';
import { requireAllowed } from './authorize.ts';
import type { Api, User } from './context.ts';
import { badRequest } from './status.ts';
import { checkLabel, checkSubdomain } from './validation/names.ts';

const EXTRA = 'impersonate-extra-';
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';
const AUTHENTICATION = 'authentication.k8s.io';

/** One thing that the caller wants to be; who may impersonate it may be it. */
interface Part {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The user that the request is made as: `caller`, unless its headers ask for another. Throws Forbidden, and BadRequest where
 * no user is named. Source: Kubernetes reference, "User impersonation".
 */
export function impersonate(api: Api, message: IncomingMessage, caller: User): User {
  const headers = message.headersDistinct;
  const [name = ''] = headers['impersonate-user'] ?? [];
  const [uid = ''] = headers['impersonate-uid'] ?? [];
  const groups = headers['impersonate-group'] ?? [];
  const extra = extraOf(headers);
  const account = accountOf(name);
  const parts = [
    ...(account === undefined ? named('users', name) : [part('serviceaccounts', account)]),
    ...groups.map((group) => part('groups', { name: group })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((value) =>
        part('userextras', { group: AUTHENTICATION, subresource, name: value }),
      ),
    ),
    ...named('uids', uid, AUTHENTICATION),
  ];
  if (parts.length === 0) return caller;
  if (name === '') throw badRequest(`requested ${inGo(parts)} without impersonating a user`);
  for (const one of parts)
    requireAllowed(api, caller, { kind: 'resource', verb: 'impersonate', ...one });
  const given = groups.length === 0 && account !== undefined ? groupsOf(account.namespace) : groups;
  return {
    name,
    groups: withCommon(name, given),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

const part = (resource: string, rest: Partial<Part> & Pick<Part, 'name'>): Part => ({
  ...{ group: '', resource, subresource: '', namespace: '' },
  ...rest,
});

const named = (resource: string, name: string, group = ''): Part[] =>
  name === '' ? [] : [part(resource, { group, name })];

function accountOf(
  user: string,
): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace = '', name = ''] = /^system:serviceaccount:([^:]*):([^:]*)$/.exec(user) ?? [];
  const problems = [...checkLabel(namespace), ...checkSubdomain(name)];
  return problems.length === 0 ? { namespace, name } : undefined;
}

const groupsOf = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** Whoever is somebody is authenticated, unless the groups say the one or the other. */
function withCommon(user: string, groups: readonly string[]): string[] {
  const common = user === ANONYMOUS.name ? [UNAUTHENTICATED] : [AUTHENTICATED, UNAUTHENTICATED];
  return groups.some((group) => common.includes(group))
    ? [...groups]
    : [...groups, common[0] as string];
}

const KINDS: Readonly<Record<string, string>> = {
  groups: 'Group',
  userextras: 'UserExtra',
  uids: 'UID',
};

/** As Go prints a list of object references: kind, namespace, name, uid, version, resource version, field path. */
function inGo(parts: readonly Part[]): string {
  const texts = parts.map(({ group, resource, subresource, name }) => {
    const version = group === '' ? '' : `${group}/v1`;
    return `{${[KINDS[resource], '', name, '', version, '', subresource].join(' ')}}`;
  });
  return `[${texts.join(' ')}]`;
}

/** By lower-case key, in which a header's percent signs stand for what no header may hold. */
function extraOf(headers: NodeJS.Dict<string[]>): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([header]) => header.startsWith(EXTRA))
      .map(([header, values = []]) => [unescaped(header.slice(EXTRA.length)), values]),
  );
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
