/** SWIM under a seeded network: joining, deaths of both kinds, restarts, partitions, loss. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, shuffled } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { CONFIG, Simulation } from './simulation.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `pod-${i}`);
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
/** Cluster sizes, spread over the seeds. */
const sizeOf = (seed: number): number => 3 + (seed % 8);

/** A cluster whose members all know each other. */
function settled(seed: number, options: { loss?: number; count?: number } = {}): Simulation {
  const simulation = new Simulation({ seed, ids: ids(options.count ?? sizeOf(seed)) });
  simulation.run(3000);
  assert.ok(simulation.agrees(), `seed ${seed}: joined`);
  simulation.loss = options.loss ?? 0;
  return simulation;
}

/** When the last running member learnt that `id` is dead, in ms after `since`. */
function lastHeardOfDeath(simulation: Simulation, id: string, since: number): number {
  const times = simulation.running().map((by) => {
    const seen = simulation
      .changes(since, 'died')
      .find((item) => item.by === by && item.change.member.id === id);
    assert.ok(seen, `${by} knows that ${id} is dead`);
    return seen.at - since;
  });
  return Math.max(...times);
}

test('members that know one address each find each other', () => {
  for (const seed of SEEDS) settled(seed);
});

test(verifies('gossip.no-false-death'), () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const since = simulation.now;
    simulation.run(60_000);
    assert.deepEqual(simulation.changes(since), []);
  }
});

test(verifies('gossip.detects-refused'), () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const [victim = '', reporter = ''] = shuffled(seededRandom(seed), simulation.running());
    const since = simulation.now;
    simulation.crash(victim, 'refusing');
    simulation.tell(reporter, { type: 'refused', id: victim });
    simulation.run(500);
    const first = simulation.changes(since, 'died').find((item) => item.by === reporter);
    assert.ok((first?.at ?? Infinity) - since <= 50, `seed ${seed}: one round trip of relays`);
    assert.ok(lastHeardOfDeath(simulation, victim, since) <= 500);
  }
});

test('a process that is gone is found by probing alone in about a probe interval', () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const [victim = ''] = shuffled(seededRandom(seed), simulation.running());
    const since = simulation.now;
    simulation.crash(victim, 'refusing');
    simulation.run(1500);
    assert.ok(lastHeardOfDeath(simulation, victim, since) <= 1000);
  }
});

test(verifies('gossip.detects-silent'), () => {
  const times: number[] = [];
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const [victim = ''] = shuffled(seededRandom(seed), simulation.running());
    const since = simulation.now;
    simulation.crash(victim, 'silent');
    simulation.run(3000);
    times.push(lastHeardOfDeath(simulation, victim, since));
  }
  times.sort((a, b) => a - b);
  assert.ok((times[SEEDS.length / 2] ?? Infinity) <= 1200, `median of ${times.join(' ')}`);
  assert.ok(Math.max(...times) <= 2000, `maximum of ${times.join(' ')}`);
});

test('two members: a refused probe is enough, silence takes the suspicion', () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed, { count: 2 });
    simulation.crash('pod-1', seed % 2 === 0 ? 'refusing' : 'silent');
    simulation.run(seed % 2 === 0 ? 250 : 1000);
    assert.equal(simulation.state('pod-0', 'pod-1'), 'dead');
  }
});

test('a refusal that others do not see is not death', () => {
  const simulation = settled(1, { count: 5 });
  const since = simulation.now;
  simulation.tell('pod-0', { type: 'refused', id: 'pod-3' });
  simulation.run(2000);
  assert.deepEqual(simulation.changes(since), []);
});

test(verifies('gossip.notices-restart'), () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const [victim = ''] = shuffled(seededRandom(seed), simulation.running());
    const before = simulation.view('pod-0').find(({ id }) => id === victim);
    const since = simulation.now;
    // Back before anybody could notice that it was away.
    simulation.crash(victim, 'refusing');
    simulation.run(20);
    simulation.start(victim);
    simulation.run(2000);
    for (const by of simulation.running()) {
      if (by === victim) continue;
      const kinds = simulation
        .changes(since)
        .filter((item) => item.by === by && item.change.member.id === victim)
        .map((item) => item.change.kind);
      assert.ok(kinds.includes('restarted'), `seed ${seed}: ${by} saw ${kinds.join(' ')}`);
      const record = simulation.view(by).find(({ id }) => id === victim);
      assert.ok((record?.incarnation ?? 0) > (before?.incarnation ?? 0), 'higher incarnation');
    }
    assert.ok(simulation.agrees());
  }
});

test('a dead member that comes back much later is welcome', () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    simulation.crash('pod-1', seed % 2 === 0 ? 'refusing' : 'silent');
    simulation.run(5000);
    assert.ok(simulation.agrees());
    simulation.start('pod-1');
    simulation.run(3000);
    assert.ok(simulation.agrees(), `seed ${seed}`);
  }
});

test(verifies('gossip.heals'), () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const members = shuffled(seededRandom(seed), simulation.running());
    const cut = 1 + (seed % (members.length - 1));
    simulation.partition(members.slice(0, cut), members.slice(cut));
    simulation.run(5000);
    assert.equal(simulation.state(members[0] ?? '', members.at(-1) ?? ''), 'dead');
    simulation.heal();
    simulation.run(10_000);
    assert.ok(simulation.agrees(), `seed ${seed}: alive again`);
    assert.ok(simulation.converged(), `seed ${seed}: equal records`);
  }
});

test('with a tenth of the messages lost nobody stays dead who lives', () => {
  let deaths = 0;
  for (const seed of SEEDS) {
    const simulation = settled(seed, { loss: 0.1 });
    const since = simulation.now;
    simulation.run(60_000);
    deaths += simulation.changes(since, 'died').length;
    simulation.loss = 0;
    simulation.run(5000);
    assert.ok(simulation.agrees(), `seed ${seed}`);
  }
  assert.equal(deaths, 0, 'suspicions are refuted in time');
});

test('with loss, crashes, restarts and partitions at random, all agree once it calms down', () => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed * 7919);
    const simulation = settled(seed, { loss: 0.05 });
    const members = simulation.running();
    for (let i = 0; i < 30; i++) {
      const [victim = '', ...rest] = shuffled(random, members);
      const dice = random.next();
      if (dice < 0.3) simulation.crash(victim, random.next() < 0.5 ? 'refusing' : 'silent');
      else if (dice < 0.6) simulation.start(victim);
      else if (dice < 0.8) simulation.partition([victim, ...rest.slice(0, 2)], rest.slice(2));
      else simulation.heal();
      simulation.run(random.next() * 3000);
    }
    simulation.heal();
    simulation.loss = 0;
    simulation.run(15_000);
    assert.ok(simulation.agrees(), `seed ${seed}`);
    assert.ok(simulation.converged(), `seed ${seed}`);
  }
});

test('load and meta of every member reach every other', () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    for (const [i, id] of simulation.running().entries()) {
      const meta = {
        instance: simulation.view(id).find((m) => m.id === id)?.meta['instance'] ?? '',
      };
      simulation.tell(id, { type: 'describe', load: i + 0.5, meta: { ...meta, zone: `z${i}` } });
    }
    simulation.run(3000);
    for (const by of simulation.running()) {
      for (const [i, member] of simulation.view(by).entries()) {
        const index = Number(member.id.slice(4));
        assert.deepEqual([member.load, member.meta['zone']], [index + 0.5, `z${index}`], `${i}`);
      }
    }
  }
});

test('a member that leaves is left and not dead, and is not probed any more', () => {
  for (const seed of SEEDS) {
    const simulation = settled(seed);
    const since = simulation.now;
    simulation.tell('pod-1', { type: 'leave' });
    simulation.run(100);
    simulation.crash('pod-1', 'refusing');
    simulation.run(5000);
    for (const by of simulation.running()) assert.equal(simulation.state(by, 'pod-1'), 'left');
    assert.deepEqual(simulation.changes(since, 'died'), []);
    simulation.start('pod-1');
    simulation.run(3000);
    assert.ok(simulation.agrees());
  }
});

test('the long dead are forgotten everywhere, for good', () => {
  for (const seed of SEEDS.slice(0, 5)) {
    const simulation = settled(seed);
    simulation.crash('pod-1', 'silent');
    simulation.run(CONFIG.forgetAfterMs + 10_000);
    for (const by of simulation.running()) assert.equal(simulation.state(by, 'pod-1'), undefined);
  }
});
