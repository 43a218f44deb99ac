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
} as const satisfies Record<string, Requirement>;
