/** How often each pod may ask, against a model that forgets nothing; and what is remembered of those that were refused. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { createRateLimit } from '../../../src/operator/identity/rate-limit.ts';
import { createRefusedPods } from '../../../src/operator/identity/refused-pods.ts';
import { REFUSALS, Refused } from '../../../src/operator/identity/refusals.ts';
import type { CertificateRefusal } from '../../../src/security/index.ts';
import { verifies } from '../../requirements.ts';
import { createVirtualClock } from '../../virtual-clock.ts';

const WINDOW_MS = 1_000;

function open({ requestsMax = 3, podsMax = 4 } = {}) {
  const clock = createVirtualClock();
  return { clock, mayAsk: createRateLimit({ requestsMax, windowMs: WINDOW_MS, podsMax }, clock) };
}

void suite('rate limit', () => {
  test(verifies('identity.rate-limit'), () => {
    const { clock, mayAsk } = open();
    const ask = (pod: string, times: number): boolean[] =>
      Array.from({ length: times }, () => mayAsk(pod));
    assert.deepEqual(ask('a', 5), [true, true, true, false, false]);
    assert.deepEqual(
      ask('b', 3),
      [true, true, true],
      'one that asks too often costs others nothing',
    );
    clock.freeze(WINDOW_MS - 1);
    assert.deepEqual(ask('a', 1), [false], 'who goes on asking is not let in earlier');
    clock.freeze(1);
    assert.deepEqual(
      ask('a', 4),
      [true, true, true, false],
      'nor later: a new window is a whole one',
    );
  });

  test('as a model that remembers all pods: none gets more, none less', () => {
    const step = fc.record({ pod: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat({ max: 700 }) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, max) => {
          const { clock, mayAsk } = open({ requestsMax: max });
          const model = new Map<string, { from: number; count: number }>();
          for (const { pod, waitMs } of steps) {
            clock.freeze(waitMs);
            const now = clock.monotonic();
            const known = model.get(pod);
            const window =
              known === undefined || now - known.from >= WINDOW_MS
                ? { from: now, count: 0 }
                : known;
            window.count += 1;
            model.set(pod, window);
            assert.equal(mayAsk(pod), window.count <= max);
          }
        },
      ),
    );
  });

  test('who asked longest ago is forgotten first, and only when there are too many', () => {
    const { mayAsk } = open({ requestsMax: 1, podsMax: 2 });
    assert.deepEqual(['a', 'b', 'a', 'b'].map(mayAsk), [true, true, false, false]);
    // Makes room by forgetting a; b, which asked after it, is known still.
    assert.deepEqual(['c', 'b', 'a'].map(mayAsk), [true, false, true]);
  });

  test('any number of pods is served, and a stranger among them is not refused', () => {
    const { mayAsk } = open({ requestsMax: 1, podsMax: 100 });
    for (let i = 0; i < 20_000; i += 1) assert.ok(mayAsk(`pod-${i}`));
    assert.ok(!mayAsk('pod-19999') && mayAsk('pod-0'));
  });

  test('a wall clock that is set back changes nothing: windows are of the monotonic one', () => {
    const clock = createVirtualClock();
    let wall = clock.wall();
    const skewed = { ...clock, monotonic: () => clock.monotonic(), wall: () => wall };
    const mayAsk = createRateLimit({ requestsMax: 1, windowMs: WINDOW_MS, podsMax: 4 }, skewed);
    assert.ok(mayAsk('a'));
    wall -= 86_400_000;
    assert.ok(!mayAsk('a'));
    clock.freeze(WINDOW_MS);
    assert.ok(mayAsk('a'));
    wall += 2 * 86_400_000;
    assert.ok(!mayAsk('a'));
  });
});

void suite('pods that were refused', () => {
  const pod = (podUid: string) => ({ namespace: 'team', cluster: 'tools', podUid });
  const news = () => {
    const clock = createVirtualClock();
    const pods = createRefusedPods(clock);
    const told: string[] = [];
    pods.onChange((key) => void told.push(key));
    return { clock, pods, told };
  };

  test('are told of once for each reason, until they are given one or ask no more', () => {
    const { clock, pods, told } = news();
    for (let i = 0; i < 3; i += 1) pods.refused(pod('a'), new Refused('names-refused', 'x'));
    assert.deepEqual(told, ['team/tools']);
    assert.equal(pods.reason('a'), `names-refused: ${REFUSALS['names-refused'].message} (x)`);
    assert.equal(pods.reason('b'), undefined);
    pods.refused(pod('a'), new Refused('signer-refused'));
    assert.match(pods.reason('a') ?? '', /^signer-refused: /);
    pods.given(pod('a'));
    pods.given(pod('a'));
    assert.equal(pods.reason('a'), undefined);
    assert.equal(told.length, 3);
    pods.refused(pod('b'), new Refused('signer-refused'));
    clock.freeze(119_999);
    assert.notEqual(pods.reason('b'), undefined);
    clock.freeze(1);
    assert.equal(pods.reason('b'), undefined);
  });

  test('are not told of for what passes by itself', () => {
    const passing = new Set(['certificate-pending', 'busy', 'unavailable', 'rate-limited']);
    for (const code of Object.keys(REFUSALS) as CertificateRefusal[]) {
      const { pods, told } = news();
      pods.refused(pod('a'), new Refused(code));
      assert.equal(told.length, passing.has(code) ? 0 : 1, code);
    }
  });

  test('are forgotten when there are too many, the oldest first', () => {
    const { pods } = news();
    for (let i = 0; i <= 1_000; i += 1) pods.refused(pod(`p-${i}`), new Refused('signer-refused'));
    assert.equal(pods.reason('p-0'), undefined);
    assert.notEqual(pods.reason('p-1'), undefined);
  });
});
