/** Who is calling: a client certificate of the cluster's authority, or a bearer token given at start. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { User } from './context.ts';

export interface BearerToken {
  readonly token: string;
  readonly user: User;
}

const MASTERS = 'system:masters';
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The caller; undefined: a credential was shown that is not valid. Without any, the caller is anonymous. */
export function authenticate(
  message: IncomingMessage,
  tokens: readonly BearerToken[],
): User | undefined {
  const header = message.headers.authorization ?? '';
  const bearer = /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  if (bearer !== undefined) return tokens.find((one) => sameText(one.token, bearer))?.user;
  const socket = message.socket as TLSSocket;
  const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
  if (certificate?.subject === undefined) return ANONYMOUS;
  // A subject may hold several organizations; Node then gives a list where its types promise text.
  const { O: organizations, CN: name } = certificate.subject as unknown as Record<string, unknown>;
  const groups = (Array.isArray(organizations) ? organizations : [organizations]).filter(
    (one): one is string => typeof one === 'string',
  );
  return {
    name: typeof name === 'string' ? name : '',
    groups: [...groups, 'system:authenticated'],
  };
}

/** There is one role here: members of system:masters may do everything. */
export const mayDoEverything = (user: User): boolean => user.groups.includes(MASTERS);

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
