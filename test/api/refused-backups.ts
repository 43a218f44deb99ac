/** Wrong `spec.backup` and `spec.bootstrap`, and what an API server must say of each. */
const volume = { size: '1Gi' };
const schedule = '15 2 * * *';
const backup = (changes: Record<string, unknown>) => ({
  backup: { schedule, volume, ...changes },
});
const restore = (changes: Record<string, unknown>) => ({
  bootstrap: { restore: { claimName: 'old-backup', ...changes } },
});

export const REFUSED_BACKUPS: readonly (readonly [
  spec: Record<string, unknown>,
  path: string,
  says: RegExp,
])[] = [
  [{ backup: { volume } }, 'spec.backup.schedule', /Required value/],
  [{ backup: { schedule } }, 'spec.backup.volume', /Required value/],
  ...[
    'daily',
    '@daily',
    '15 2 * *',
    '0 15 2 * * *',
    '60 2 * * *',
    '15 24 * * *',
    '15 2 0 * *',
    '15 2 * 13 *',
    '15 2 * * 7',
    '15 2 * * MOON',
    '15  2 * * *',
    '*/0 * * * *',
    '15 2 L * *',
    '15/5 2 * * *',
    '1,,2 2 * * *',
    'TZ=UTC 15 2 * * *',
  ].map(
    (wrong) =>
      [
        backup({ schedule: wrong }),
        'spec.backup.schedule',
        /is not five fields of cron such as "15 2 \* \* \*"/,
      ] as const,
  ),
  [backup({ timeZone: '' }), 'spec.backup.timeZone', /at least 1 chars/],
  [
    backup({ startingDeadlineSeconds: 9 }),
    'spec.backup.startingDeadlineSeconds',
    /9.*greater than or equal to 10/,
  ],
  [
    backup({ retention: { count: 0 } }),
    'spec.backup.retention.count',
    /0.*greater than or equal to 1/,
  ],
  [backup({ volume: {} }), 'spec.backup.volume', /needs either claimName.*or size/],
  [
    backup({ volume: { claimName: 'a', size: '1Gi' } }),
    'spec.backup.volume',
    /needs either claimName.*or size/,
  ],
  [
    backup({ volume: { claimName: 'a', storageClassName: 'fast' } }),
    'spec.backup.volume.storageClassName',
    /it needs size/,
  ],
  [backup({ volume: { size: 'much' } }), 'spec.backup.volume.size', /"much" is not a quantity/],
  [backup({ volume: { size: '0' } }), 'spec.backup.volume.size', /must be above 0/],
  [
    backup({ volume: { size: '1Gi', whenDeleted: 'Keep' } }),
    'spec.backup.volume.whenDeleted',
    /"Keep".*"Delete", "Retain"|"Keep".*"Retain", "Delete"/,
  ],
  [{ bootstrap: {} }, 'spec.bootstrap.restore', /Required value/],
  [{ bootstrap: { restore: {} } }, 'spec.bootstrap.restore.claimName', /Required value/],
  [
    restore({ file: '../other/x.backup' }),
    'spec.bootstrap.restore.file',
    /is not the name of a backup, which ends in .backup, without its folder/,
  ],
  [restore({ file: 'latest' }), 'spec.bootstrap.restore.file', /ends in .backup/],
];
