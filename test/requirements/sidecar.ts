/** What `sidecar`, `admin` and `cli` guarantee. */
import type { Requirement } from './requirement.ts';

export const sidecar = {
  'sidecar.config.everywhere': {
    sentence:
      'A configuration proposed at one member is in force at every member, without a restart',
    source: 'design: configuration is replicated',
  },
  'sidecar.flags.refused': {
    sentence:
      'A wrong flag of the sidecar is refused in one line with the flag, its value and what is allowed',
    source: 'design: bad input',
  },
  'sidecar.standalone.cluster': {
    sentence:
      'Three sidecars started by flags elect a leader, survive its SIGKILL, take it back, and let a fourth join',
    source: 'design: the sidecar runs without Kubernetes',
  },
  'sidecar.standalone.session': {
    sentence:
      'Without Kubernetes too, any member serves a session, and the session outlives the member and the server that had it',
    source: 'design: the sidecar runs without Kubernetes',
  },
  'sidecar.start.refused': {
    sentence: 'A sidecar that cannot start says why and what to do in one line, and exits with 2',
    source: 'design: bad input',
  },
} as const satisfies Record<string, Requirement>;
