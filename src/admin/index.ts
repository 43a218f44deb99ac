/** Band 4: what the operator and people may ask a member: status, sessions, configuration, events. */
export { serveAdmin } from './admin-service.ts';
export type { AdminMember, ApplyConfigResult, MembershipRequest, Participants } from './ports.ts';
