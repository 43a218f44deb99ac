/** Who calls, and what whom is allowed: the listener writes down whose connection it is, handlers are asked only by who may. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { PeerIdentity, Role } from '../security/index.ts';
import { RpcError } from '../std/index.ts';
import type { ServiceTypes } from './service.ts';

/** Which roles may call. Certificates that members share may do everything: there is nobody else then. */
export interface ServiceAccess<Types extends ServiceTypes> {
  readonly roles: readonly Role[];
  /** Roles that may call these methods besides. */
  readonly methods?: { readonly [Name in keyof Types]?: readonly Role[] };
}

/** Unless a service says otherwise it is for members. */
export const MEMBERS_ONLY: ServiceAccess<ServiceTypes> = { roles: ['member'] };

const callers = new WeakMap<PeerCertificate, PeerIdentity>();

/** gRPC shows a handler nothing of the connection but this certificate, which is read once and found again as the same object. */
export function introduce(socket: TLSSocket, caller: PeerIdentity): void {
  const certificate = socket.getPeerCertificate();
  callers.set(certificate, caller);
  socket.getPeerCertificate = (() => certificate) as TLSSocket['getPeerCertificate'];
}

/** Who is on the connection of a call. */
export function callerOf(call: {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate } | null;
}): PeerIdentity {
  const certificate = call.getAuthContext()?.sslPeerCertificate;
  const caller = certificate && callers.get(certificate);
  if (caller === undefined) throw new RpcError('unauthenticated', 'the connection is nobody’s');
  return caller;
}

/** Throws {@link RpcError} `permission-denied` when `caller` may not call `method`. */
export function checkAccess(
  { role }: PeerIdentity,
  method: string,
  { roles, methods = {} }: ServiceAccess<ServiceTypes>,
): void {
  if (role === 'shared' || roles.includes(role) || methods[method]?.includes(role)) return;
  throw new RpcError('permission-denied', `${method} is not for the role ${role}`);
}
