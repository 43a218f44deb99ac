/** `npm run e2e -- --backend nodes`: what a cluster with real nodes can show, in an order in which one leaves what the next needs. */
import { after, before } from 'node:test';
import { onTerminationSignal } from '../../../src/host/index.ts';
import { verifies } from '../../requirements.ts';
import { playAll } from '../play.ts';
import type { Scenario } from '../scenario.ts';
import { changeScenarios, clusterScenarios } from '../scenarios/cluster.ts';
import { podFailureScenarios } from '../scenarios/failures.ts';
import { lifeCycleScenarios } from '../scenarios/life-cycle.ts';
import { memberScenarios } from '../scenarios/members.ts';
import { startNodes, type NodeCommand, type NodesArena, type NodesOptions } from './arena.ts';
import { installationScenarios, runningScenarios, upgrade } from './scenarios/installation.ts';
import { maintenanceScenarios } from './scenarios/maintenance.ts';
import { operatorScenarios } from './scenarios/operator.ts';
import { cutScenarios, killScenarios } from './scenarios/outages.ts';
import { placementScenarios, smallScenarios } from './scenarios/placement.ts';

const [ownerKill, leaderKill] = podFailureScenarios;
const [, lostVolume] = memberScenarios;
const [fence, , sleep] = lifeCycleScenarios;

/** A scenario of all backends under the name of what it shows on real nodes. */
const as = (name: string, scenario: Scenario | undefined): Scenario<NodesArena> => ({
  ...(scenario as Scenario),
  name,
});

function scenarios({ commands, nextImage }: NodesOptions): readonly Scenario<NodesArena>[] {
  const needing = (
    needed: readonly NodeCommand[],
    list: readonly Scenario<NodesArena>[],
  ): readonly Scenario<NodesArena>[] => {
    const missing = needed.filter((command) => commands[command] === undefined);
    const lacks = missing.length > 0 && missing.map((command) => `--${command}`).join(', ');
    return list.map((each) => ({ ...each, lacks }));
  };
  return [
    ...installationScenarios,
    ...clusterScenarios,
    ...runningScenarios,
    ...smallScenarios,
    as(verifies('nodes.fast-failover'), ownerKill),
    as(verifies('nodes.leader-failover'), leaderKill),
    ...changeScenarios,
    ...needing(['cut', 'heal'], cutScenarios),
    ...needing(['kill', 'start'], killScenarios),
    ...operatorScenarios,
    as(verifies('nodes.fencing'), fence),
    as(verifies('nodes.lost-volume'), lostVolume),
    ...maintenanceScenarios,
    ...placementScenarios,
    as(verifies('nodes.hibernation'), sleep),
    { ...upgrade, lacks: nextImage === undefined && '--next-image' },
  ];
}

/** `only`: texts of which a scenario's name has to hold one; what all play on is always made. */
export function playOnNodes(options: NodesOptions, only: readonly string[]): void {
  let arena: NodesArena | undefined;
  before(async () => void (arena = await startNodes(options)), { timeout: 300_000 });
  after(() => arena?.stop(), { timeout: 200_000 });
  onTerminationSignal(() => void arena?.stop().then(() => process.exit(130)));
  const isWanted = ({ name }: Scenario<NodesArena>): boolean =>
    only.length === 0 ||
    name === clusterScenarios[0]?.name ||
    only.some((text) => name.includes(text));
  playAll(() => arena as NodesArena, scenarios(options).filter(isWanted));
}
