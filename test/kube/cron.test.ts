/** CronJobs on the days on which clocks change: in the words of Kubernetes' own library, and against a reading of each minute. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { cronTimes } from '../../src/kube/index.ts';
import { verifies } from '../requirements.ts';

const MINUTE_MS = 60_000;
const [NEW_YORK, BERLIN, LORD_HOWE, HAVANA] = [
  ...['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Havana'],
] as [string, string, string, string];

/** Schedule, time zone, from when; then the runs that follow. */
const RUNS: readonly (readonly [
  what: string,
  cron: string,
  zone: string,
  ...instants: string[],
])[] = [
  [
    ...(['a run in the hour that is skipped is left out', '30 2 * * *', NEW_YORK] as const),
    ...['2012-03-10T12:00Z', '2012-03-12T06:30Z', '2012-03-13T06:30Z'],
  ],
  [
    ...(['and each minute of it, to the first', '0 2 * * *', NEW_YORK] as const),
    ...['2012-03-10T12:00Z', '2012-03-12T06:00Z'],
  ],
  [
    ...(['hourly, clocks skip one', '0 * * * *', NEW_YORK] as const),
    ...['2012-03-11T05:00Z', '2012-03-11T06:00Z', '2012-03-11T07:00Z', '2012-03-11T08:00Z'],
  ],
  [
    ...(['where midnight is skipped', '30 0 * * *', HAVANA] as const),
    ...['2026-03-07T06:00Z', '2026-03-09T04:30Z'],
  ],
  [
    ...(['a run in the hour that is repeated comes twice', '0 1 * * *', NEW_YORK] as const),
    ...['2012-11-04T04:00Z', '2012-11-04T05:00Z', '2012-11-04T06:00Z', '2012-11-05T06:00Z'],
  ],
  [
    ...(['the second of them, seen from between', '30 1 4 11 *', NEW_YORK] as const),
    ...['2012-11-04T05:45Z', '2012-11-04T06:30Z', '2013-11-04T06:30Z'],
  ],
  [
    ...(['hourly, clocks repeat one', '0 * * * *', BERLIN] as const),
    ...['2026-10-24T23:30Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
  ],
  [
    ...(['nightly in Europe, repeated', '15 2 * * *', BERLIN] as const),
    ...['2026-10-24T12:00Z', '2026-10-25T00:15Z', '2026-10-25T01:15Z', '2026-10-26T01:15Z'],
  ],
  [
    ...(['clocks go back half an hour', '45 1 * * *', LORD_HOWE] as const),
    ...['2026-04-04T12:00Z', '2026-04-04T14:45Z', '2026-04-04T15:15Z', '2026-04-05T15:15Z'],
  ],
  [
    ...(['without changes of clocks', '0 3 * * SUN', 'UTC'] as const),
    ...['2026-03-01T03:00Z', '2026-03-08T03:00Z', '2026-03-15T03:00Z'],
  ],
];

void suite('times of a CronJob', () => {
  test(verifies('kube.cron'), async (t) => {
    for (const [what, cron, zone, from = '', ...runs] of RUNS) {
      await t.test(`${what}: ${cron} in ${zone}`, () => {
        const times = cronTimes(cron, zone);
        let at = Date.parse(from);
        for (const run of runs) {
          const next = times.next(at) ?? assert.fail('no run');
          assert.equal(new Date(next).toISOString(), new Date(run).toISOString());
          assert.equal(times.last(next), next);
          assert.equal(times.last(next + MINUTE_MS - 1), next);
          at = next;
        }
      });
    }
  });

  test('as a reading of each minute, around every change of clocks', () => {
    const transitions = [
      ...['2026-03-08T07:00Z', '2026-11-01T06:00Z'].map((at) => [NEW_YORK, at] as const),
      ...['2026-03-29T01:00Z', '2026-10-25T01:00Z'].map((at) => [BERLIN, at] as const),
      ...['2026-04-04T15:00Z', '2026-10-03T15:30Z'].map((at) => [LORD_HOWE, at] as const),
    ];
    const some = (max: number) =>
      fc.oneof(fc.constant('*'), fc.constant('*/20'), fc.nat({ max }).map(String));
    fc.assert(
      fc.property(
        fc.constantFrom(...transitions),
        some(59),
        fc.oneof(some(3), fc.constant('1,2')),
        fc.integer({ min: -180, max: 120 }),
        ([zone, at], minute, hour, offset) => {
          const times = cronTimes(`${minute} ${hour} * * *`, zone);
          const from = Date.parse(at) + offset * MINUTE_MS;
          const isRun = (ms: number): boolean => fits(minute, hour, wallClock(ms, zone));
          let expected = from + MINUTE_MS;
          while (!isRun(expected)) expected += MINUTE_MS;
          assert.equal(times.next(from), expected);
          let before = from;
          while (!isRun(before)) before -= MINUTE_MS;
          assert.equal(times.last(from), before);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('what is no schedule is refused, and one that names no day has no runs', () => {
    for (const [schedule, zone] of [
      ['0 0 0 * * *', 'UTC'],
      ['often', 'UTC'],
      ['61 * * * *', 'UTC'],
      ['0 3 * * *', 'Mars/Olympus'],
    ] as const) {
      assert.throws(() => cronTimes(schedule, zone).next(0), schedule);
    }
    assert.equal(cronTimes('0 0 31 2 *', 'UTC').next(0), undefined);
    assert.equal(cronTimes('@daily', 'UTC').next(0), 86_400_000);
  });
});

/** By zone, since making one takes long. */
const clocks = new Map(
  [NEW_YORK, BERLIN, LORD_HOWE].map((timeZone) => {
    const hands = { hour: 'numeric', minute: 'numeric', hourCycle: 'h23' } as const;
    return [timeZone, new Intl.DateTimeFormat('en', { timeZone, ...hands })];
  }),
);

/** The hands of a clock. */
function wallClock(ms: number, zone: string): { readonly hour: number; readonly minute: number } {
  const format = clocks.get(zone) ?? assert.fail(zone);
  const [hour, minute] = format.format(ms).split(':').map(Number);
  return { hour: hour ?? Number.NaN, minute: minute ?? Number.NaN };
}

function fits(
  minuteField: string,
  hourField: string,
  { hour, minute }: ReturnType<typeof wallClock>,
): boolean {
  const holds = (field: string, value: number): boolean =>
    field === '*' || (field === '*/20' ? value % 20 === 0 : field.split(',').includes(`${value}`));
  return holds(minuteField, minute) && holds(hourField, hour);
}
