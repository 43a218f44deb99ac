/** What `std`, `host`, `telemetry` and `security` guarantee. */
import type { Requirement } from './requirement.ts';

export const foundation = {
  'security.mtls.same-authority': {
    sentence:
      'Two processes with certificates of one cluster authority connect by mutual TLS and see the cluster id',
    source: 'design: identity',
  },
  'security.roles': {
    sentence:
      'A certificate says which cluster, role and pod it is for; one that says anything else, or two things, is nobody',
    source: 'design; SPIFFE X.509-SVID',
  },
  'security.signing-request': {
    sentence:
      'A request for a certificate is taken only as one PEM block with an ECDSA key on P-256 that signed it',
    source: 'RFC 2986',
  },
  'security.mtls.foreign-authority': {
    sentence:
      'A certificate of another authority is refused by both ends, even under the same name',
    source: 'design: identity',
  },
  'security.tls.reload': {
    sentence: 'A rotated certificate in a mounted Secret is in force without a restart',
    source: 'design: identity',
  },
  'host.folder-lock.kernel': {
    sentence:
      'Who has a folder has it while its process exists, also stopped; who waits for it has it as soon as that process is gone, and is told whom it waits for',
    source: 'fcntl(2): advisory record locking; SQLite: file locking, RESERVED',
  },
  'host.folder-lock.one-of-many': {
    sentence:
      'Of twenty processes that take a folder at once exactly one has it, and the others learn which',
    source: 'design',
  },
  'host.folder-lock.killed-anywhere': {
    sentence:
      'A process killed at any step of taking or giving back a folder leaves nothing that keeps the next from it',
    source: 'design',
  },
  'host.folder-lock.namespaces': {
    sentence:
      'A process in another PID and mount namespace, which has the folder under another path, is kept out like any other',
    source: 'pid_namespaces(7); Kubernetes: force deletion of pods',
  },
} as const satisfies Record<string, Requirement>;
