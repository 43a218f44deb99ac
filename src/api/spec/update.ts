/** The schema of `spec.update`: how a changed pod template reaches the pods, and when. */
import { duration, group, integer } from '../schema.ts';

/** A window opens by cron and stays open for a while. */
const MAINTENANCE_WINDOW = {
  type: 'object',
  description: 'Outside it only pods that do not work are replaced. Always, when left out.',
  required: ['schedule'],
  properties: {
    schedule: {
      type: 'string',
      description:
        'When it opens: minute, hour, day of the month, month, day of the week; as in "0 3 * * SUN".',
      minLength: 1,
      maxLength: 128,
      'x-kubernetes-validations': [
        {
          rule: "self.matches('^[^ ]+( [^ ]+){4}$')",
          message: 'must be five fields of cron such as "0 3 * * SUN"',
          messageExpression: `'"' + self + '" is not five fields of cron such as "0 3 * * SUN"'`,
        },
      ],
    },
    duration: duration('How long it stays open.', { default: '2h', min: '1m', max: '168h' }),
    timeZone: {
      type: 'string',
      description:
        'Time zone of the schedule, such as Europe/Berlin. A window that would open in the hour that clocks skip opens right after it; one in the hour that they repeat opens once.',
      default: 'UTC',
      minLength: 1,
      maxLength: 64,
    },
  },
} as const;

export const UPDATE = group('How a changed pod template reaches the pods.', {
  mode: {
    type: 'string',
    enum: ['Automatic', 'Supervised'],
    default: 'Automatic',
    description:
      'Supervised: the pod that leads Raft is replaced only when the annotation mcpcluster.io/approve-update names the revision that the condition Progressing tells.',
  },
  maxUnavailable: integer(
    'Pods that may be away at the same time. Voters never more than the quorum can spare.',
    {
      default: 1,
      minimum: 1,
      maximum: 99,
    },
  ),
  maintenanceWindow: MAINTENANCE_WINDOW,
});
