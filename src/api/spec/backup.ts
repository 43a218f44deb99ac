/** The schemas of `spec.backup`, which takes backups by a schedule, and `spec.bootstrap`, which begins with one. */
import { celString, flag, group, integer, type Schema, type ValidationRule } from '../schema.ts';
import { volumeSize } from './pods.ts';

const MINUTE = '([0-5]?[0-9])';
const HOUR = '([01]?[0-9]|2[0-3])';
const DAY = '(0?[1-9]|[12][0-9]|3[01])';
const MONTH = '(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)';
const WEEKDAY = '([0-6]|SUN|MON|TUE|WED|THU|FRI|SAT)';

/** One field of cron: values, ranges, steps and lists of them. */
function cronField(value: string): string {
  const one = `((\\*|${value}-${value})(/[1-9][0-9]?)?|${value})`;
  return `${one}(,${one})*`;
}

/** What CronJobs and the operator read alike; that a range is not upside down and a day comes at all is judged later. */
const CRON = `^${[MINUTE, HOUR, DAY, MONTH, WEEKDAY].map((value) => cronField(value)).join(' ')}$`;

const claimName = (description: string) =>
  ({ type: 'string', description, minLength: 1, maxLength: 253 }) as const;

const VOLUME = {
  type: 'object',
  description: 'Where the backups lie. They hold what clients said: give nobody else this volume.',
  properties: {
    claimName: claimName('A PersistentVolumeClaim of the same namespace.'),
    size: volumeSize(
      'Or the size of one that the operator makes: PersistentVolumeClaim <name>-backup. It can only grow.',
    ),
    storageClassName: {
      type: 'string',
      description:
        "Storage class of the volume that the operator makes; the cluster's default when left out.",
      maxLength: 253,
    },
    whenDeleted: {
      type: 'string',
      enum: ['Retain', 'Delete'],
      default: 'Retain',
      description:
        'What becomes of the volume that the operator made when the McpCluster is deleted. Without spec.backup it stays.',
    },
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.claimName) != has(self.size)',
      message:
        'needs either claimName, of a volume that exists, or size, of one that the operator makes',
    },
    {
      rule: '!has(self.storageClassName) || has(self.size)',
      message: 'is for the volume that the operator makes: it needs size',
      fieldPath: '.storageClassName',
    },
    {
      rule: '!has(self.size) || !has(oldSelf.size) || (has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName))',
      message: 'cannot be changed: the volume exists already',
      fieldPath: '.storageClassName',
      reason: 'FieldValueForbidden',
    },
  ],
} as const satisfies Schema;

export const BACKUP = {
  type: 'object',
  description:
    'Backups of what the cluster agreed on, sessions above all, by a schedule: the CronJob <name>-backup writes them to a volume; its pods wait for a certificate while the operator is down.',
  required: ['schedule', 'volume'],
  properties: {
    schedule: {
      type: 'string',
      description:
        'When: minute, hour, day of the month, month, day of the week; as in "15 2 * * *".',
      minLength: 1,
      maxLength: 128,
      'x-kubernetes-validations': [
        {
          rule: `self.upperAscii().matches(${celString(CRON)})`,
          message: 'must be five fields of cron such as "15 2 * * *"',
          messageExpression: `'"' + self + '" is not five fields of cron such as "15 2 * * *"'`,
        },
      ],
    },
    timeZone: {
      type: 'string',
      description:
        'Time zone of the schedule, such as Europe/Berlin. As any CronJob, a backup in the hour that clocks skip is left out, and one in the hour that they repeat is taken twice.',
      default: 'Etc/UTC',
      minLength: 1,
      maxLength: 64,
    },
    suspend: flag('While true no backups are taken.', false),
    immediate: flag('Whether a first backup is taken as soon as the cluster works.', false),
    startingDeadlineSeconds: {
      type: 'integer',
      format: 'int64',
      description: 'A backup that could not begin for so long is left out; never, without it.',
      // Kubernetes looks at its CronJobs every ten seconds.
      minimum: 10,
      maximum: 31_536_000,
    },
    retention: group('How many backups stay.', {
      count: integer(
        'The oldest above so many go, once the new one is complete and was read again.',
        {
          default: 7,
          minimum: 1,
          maximum: 1000,
        },
      ),
    }),
    volume: VOLUME,
  },
} as const satisfies Schema;

export const BOOTSTRAP = {
  type: 'object',
  description: 'What a new cluster begins with: with nothing, when left out. It cannot be changed.',
  required: ['restore'],
  properties: {
    restore: {
      type: 'object',
      description:
        'A backup. Clients are sent to the cluster once it is restored. A cluster that holds anything already refuses it.',
      required: ['claimName'],
      properties: {
        claimName: claimName(
          'The PersistentVolumeClaim it lies on, such as <name>-backup of the cluster it is of.',
        ),
        file: {
          type: 'string',
          description: 'Name of its file; the newest one, when left out.',
          minLength: 1,
          maxLength: 253,
          'x-kubernetes-validations': [
            {
              rule: "self.matches('^[A-Za-z0-9._-]+[.]backup$')",
              message: 'must be the name of a backup, which ends in .backup, without its folder',
              messageExpression: `'"' + self + '" is not the name of a backup, which ends in .backup, without its folder'`,
            },
          ],
        },
      },
    },
  },
} as const satisfies Schema;

/** Stands on the spec. */
export const BOOTSTRAP_RULE = {
  rule: 'has(self.bootstrap) == has(oldSelf.bootstrap) && (!has(self.bootstrap) || self.bootstrap == oldSelf.bootstrap)',
  message: 'cannot be changed: it says what the cluster begins with',
  fieldPath: '.bootstrap',
  reason: 'FieldValueForbidden',
} as const satisfies ValidationRule;

/** The name of a CronJob may have 52 characters. */
const BACKUP_NAME_LENGTH_MAX = 52 - '-backup'.length;

/** Rules that need the name of the cluster. */
export const BACKUP_RULES = [
  {
    rule: `!has(self.spec.backup) || self.metadata.name.size() <= ${BACKUP_NAME_LENGTH_MAX}`,
    message: `needs a cluster whose name has at most ${BACKUP_NAME_LENGTH_MAX} characters: its CronJob is called after it`,
    fieldPath: '.spec.backup',
  },
] as const satisfies readonly ValidationRule[];
