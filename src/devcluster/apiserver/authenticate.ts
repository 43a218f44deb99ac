/** Who is calling: a client certificate of the cluster's authority, or a token of a service account. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Api, User } from './context.ts';
import { authenticateToken } from './tokens/authenticate-token.ts';

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The caller; undefined: a credential was shown that is not valid. Without any, the caller is anonymous. */
export async function authenticate(api: Api, message: IncomingMessage): Promise<User | undefined> {
  const socket = message.socket as TLSSocket;
  const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
  if (certificate?.subject !== undefined) return certificateUser(certificate.subject);
  const header = message.headers.authorization ?? '';
  const bearer = /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  if (bearer === undefined) return ANONYMOUS;
  const authenticated = await authenticateToken(api, bearer, [api.tokens.issuer]);
  return authenticated.ok ? authenticated.value.user : undefined;
}

/** A subject may hold several organizations; Node then gives a list where its types promise text. */
function certificateUser(subject: unknown): User {
  const { O: organizations, CN: name } = subject as Record<string, unknown>;
  const groups = (Array.isArray(organizations) ? organizations : [organizations]).filter(
    (one): one is string => typeof one === 'string',
  );
  return {
    name: typeof name === 'string' ? name : '',
    groups: [...groups, 'system:authenticated'],
  };
}
