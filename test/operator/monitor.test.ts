/** The monitor in virtual time: whom it asks, how often, and what it passes on. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createMonitor } from '../../src/operator/monitor.ts';
import type { SidecarFact, SidecarTarget } from '../../src/operator/ports.ts';
import { staticTls } from '../../src/security/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { answer, cluster, pod } from './core/fixtures.ts';

const tls = staticTls({ ca: '', cert: '', key: '' });

function open() {
  const clock = createVirtualClock();
  const targets: SidecarTarget[] = [];
  const closed: string[] = [];
  const facts: ((fact: SidecarFact) => void)[] = [];
  const state = { asked: 0, changes: 0, term: 3, sessions: 5, fails: false, isSilent: false };
  const monitor = createMonitor({
    clock,
    onChange: () => void (state.changes += 1),
    client: {
      connect(target) {
        targets.push(target);
        return {
          async status(signal) {
            state.asked += 1;
            if (state.isSilent) await aborted(signal);
            if (state.fails) throw new Error('refused');
            const report = answer(0, { term: state.term, sessions: state.sessions });
            assert.ok(report.kind === 'answered');
            return report.status;
          },
          applyConfig: () => Promise.resolve(),
          changeMembership: () => Promise.resolve(),
          transferLeadership: () => Promise.resolve(),
          drain: () => Promise.resolve(),
          onFact: (listener) => void facts.push(listener),
          close: () => void closed.push(target.address),
        };
      },
    },
  });
  return { clock, monitor, targets, closed, facts, state };
}

/** As a call that is broken off. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

void suite('monitor', () => {
  test('asks by pod address and certificate name, at once and then in rounds', async () => {
    const { clock, monitor, targets, state } = open();
    monitor.follow(cluster(), [pod(0), pod(1)], tls);
    await clock.advance(0);
    assert.equal(state.asked, 2);
    assert.equal(targets[1]?.address, '10.244.0.2');
    assert.equal(targets[1]?.serverName, 'tools-1.tools-peers.team.svc');
    assert.equal(targets[1]?.clusterId, 'uid-1');
    await clock.advance(1_000);
    assert.equal(state.asked, 6, 'twice a second while busy');
    monitor.setBusy(false);
    await clock.advance(10_500);
    assert.equal(state.asked, 12, 'every five seconds otherwise');
    monitor.stop();
    assert.equal(clock.pending, 0);
  });

  test(verifies('operator.news'), async () => {
    const { clock, monitor, facts, state } = open();
    monitor.follow(cluster(), [pod(0)], tls);
    await clock.advance(500);
    monitor.setBusy(false);
    await clock.advance(1_000);
    const [asked, changes] = [state.asked, state.changes];
    state.fails = true;
    facts[0]?.({ kind: 'leader-elected', subject: 'tools-1' });
    await clock.advance(30);
    assert.equal(state.asked, asked + 1);
    assert.equal(state.changes, changes + 1);
    assert.deepEqual(monitor.reports().get('tools-0'), { kind: 'failed', problem: 'refused' });
    monitor.stop();
  });

  test('a member that its peers suspect gets less time to answer', async () => {
    const { clock, monitor, facts, state } = open();
    monitor.follow(cluster(), [pod(0), pod(1)], tls);
    await clock.advance(500);
    monitor.setBusy(false);
    state.isSilent = true;
    facts[0]?.({ kind: 'member-suspect', subject: 'tools-1' });
    await clock.advance(290);
    assert.equal(monitor.reports().get('tools-1')?.kind, 'answered');
    await clock.advance(20);
    assert.equal(monitor.reports().get('tools-1')?.kind, 'failed');
    assert.equal(monitor.reports().get('tools-0')?.kind, 'answered', 'others have their time');
    monitor.stop();
    assert.equal(clock.pending, 0);
  });

  test('passes on facts at once and counters now and then', async () => {
    const { clock, monitor, state } = open();
    monitor.follow(cluster(), [pod(0)], tls);
    await clock.advance(100);
    assert.equal(state.changes, 1);
    state.sessions += 1;
    await clock.advance(1_000);
    assert.equal(state.changes, 1, 'counters wait');
    state.term += 1;
    await clock.advance(500);
    assert.equal(state.changes, 2, 'facts do not');
    for (let second = 0; second < 20; second += 1) {
      state.sessions += 1;
      await clock.advance(500);
    }
    assert.ok(state.changes >= 3 && state.changes <= 4, `${state.changes}`);
    monitor.stop();
  });

  test('counters that changed once, right after others were told, are told in the end', async () => {
    const { clock, monitor, state } = open();
    monitor.follow(cluster(), [pod(0)], tls);
    await clock.advance(100);
    state.sessions += 1;
    await clock.advance(2_000);
    assert.equal(state.changes, 1, 'it is too early');
    await clock.advance(10_000);
    assert.equal(state.changes, 2);
    await clock.advance(60_000);
    assert.equal(state.changes, 2, 'and told once');
    monitor.stop();
  });

  test('a pod that was replaced is asked anew, one that went is forgotten', async () => {
    const { clock, monitor, targets, closed } = open();
    monitor.follow(cluster(), [pod(0), pod(1)], tls);
    await clock.advance(0);
    const again = { ...pod(0), metadata: { ...pod(0).metadata, uid: 'another' } };
    monitor.follow(cluster(), [again], tls);
    assert.deepEqual(closed, ['10.244.0.1', '10.244.0.2']);
    assert.equal(targets.length, 3);
    assert.equal(monitor.reports().size, 0, 'what its predecessor said does not count');
    monitor.follow(cluster(), [{ ...again, status: {} }], tls);
    assert.equal(closed.length, 3, 'without address nobody is asked');
    monitor.stop();
  });
});
