/** Jobs and CronJobs: what they are given, what is refused, what cannot be changed. */
import { MERGE, type Chapter } from './chapter.ts';

const jobs = '/apis/batch/v1/namespaces/default/jobs';
const cronJobs = '/apis/batch/v1/namespaces/default/cronjobs';
const template = (restartPolicy?: string) => ({
  metadata: { labels: { app: 'copy' } },
  spec: {
    containers: [{ name: 'c', image: 'x:1' }],
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  },
});
const cronJob = (name: string, spec: Record<string, unknown> = {}) => ({
  metadata: { name },
  spec: { schedule: '15 2 * * *', jobTemplate: { spec: { template: template('Never') } }, ...spec },
});

export const batch: Chapter = async (call) => {
  await call('POST', jobs, {
    metadata: { name: 'labelled', labels: { team: 'a' } },
    spec: { template: template('Never'), backoffLimit: 2, ttlSecondsAfterFinished: 60 },
  });
  await call('POST', jobs, { metadata: { name: 'a' }, spec: { template: template('Always') } });
  await call('POST', jobs, { metadata: { name: 'c' }, spec: { template: template() } });
  await call('PATCH', `${jobs}/labelled`, { spec: { completions: 2 } }, MERGE);
  await call('PATCH', `${jobs}/labelled`, { spec: { suspend: true } }, MERGE);
  await call('GET', `${jobs}/labelled`);
  await call('POST', cronJobs, cronJob('nightly', { timeZone: 'Etc/UTC' }));
  await call('POST', cronJobs, cronJob('x', { schedule: 'daily' }));
  await call('POST', cronJobs, cronJob('y', { schedule: '' }));
  await call('POST', cronJobs, cronJob('z', { timeZone: 'Mars/Olympus' }));
  await call('POST', cronJobs, cronJob('n'.repeat(53)));
  await call('PATCH', `${cronJobs}/nightly`, { spec: { schedule: '0 3 * * *' } }, MERGE);
  await call(
    'PATCH',
    `${cronJobs}/nightly/status`,
    { status: { lastScheduleTime: '2026-01-01T02:15:00Z' }, spec: { suspend: true } },
    MERGE,
  );
  await call('GET', `${cronJobs}/nightly`);
};
