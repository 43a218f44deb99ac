/** `npm run e2e -- --backend nodes`: what a cluster with real nodes can show, in an order in which one leaves what the next needs. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { onTerminationSignal } from '../../../src/host/index.ts';
import { verifies } from '../../requirements.ts';
import { NAMESPACE } from '../manifests.ts';
import { playAll } from '../play.ts';
import { sideBySide, type Scenario } from '../scenario.ts';
import { changeScenarios, clusterScenarios, SAMPLE } from '../scenarios/cluster.ts';
import { departureScenarios } from '../scenarios/departures.ts';
import { podFailureScenarios } from '../scenarios/failures.ts';
import { lifeCycleScenarios } from '../scenarios/life-cycle.ts';
import { memberScenarios } from '../scenarios/members.ts';
import { startNodes, type NodeCommand, type NodesArena, type NodesOptions } from './arena.ts';
import { rotation } from './scenarios/certificates.ts';
import { installationScenarios, runningScenarios, upgrade } from './scenarios/installation.ts';
import { maintenanceScenarios } from './scenarios/maintenance.ts';
import { operatorScenarios } from './scenarios/operator.ts';
import { cutScenarios, killScenarios } from './scenarios/outages.ts';
import { placementScenarios, smallScenarios } from './scenarios/placement.ts';
import { hung } from './scenarios/servers.ts';
import { webhook } from './scenarios/webhook.ts';

const [ownerKill, leaderKill] = podFailureScenarios;
const [scaling, lostVolume, recovery] = memberScenarios;
const [fence, , sleep, people] = lifeCycleScenarios;

/** A scenario of all backends under the name of what it shows on real nodes. */
const as = (name: string, scenario: Scenario | undefined): Scenario<NodesArena> => ({
  ...(scenario as Scenario),
  name,
});

/** The same, and no container of the sample has died of it: whoever is deleted by force may go on beside its successor. */
const withoutRestarts = (scenario: Scenario<NodesArena>): Scenario<NodesArena> => ({
  ...scenario,
  async run(arena) {
    await scenario.run(arena);
    const pods = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
    for (const { metadata, status } of pods) {
      const { containerStatuses = [], initContainerStatuses = [] } = status ?? {};
      for (const { name, restartCount } of [...containerStatuses, ...initContainerStatuses])
        assert.equal(restartCount, 0, `${name} of ${metadata.name}`);
    }
  },
});

/** In the order in which they play. */
function scenarios(
  { commands, nextImage }: NodesOptions,
  isWanted: (scenario: Scenario<NodesArena>) => boolean,
): readonly Scenario<NodesArena>[] {
  const needing = (
    needed: readonly NodeCommand[],
    list: readonly Scenario<NodesArena>[],
  ): readonly Scenario<NodesArena>[] => {
    const missing = needed.filter((command) => commands[command] === undefined);
    const lacks = missing.length > 0 && missing.map((command) => `--${command}`).join(', ');
    return list.map((each) => ({ ...each, lacks }));
  };
  // It waits for minutes: what plays meanwhile must leave the nodes alone.
  const waiting = sideBySide([...smallScenarios, rotation].filter(isWanted));
  const all = [
    ...installationScenarios,
    ...clusterScenarios,
    ...runningScenarios,
    ...waiting.filter(({ name }) => name !== rotation.name),
    as(verifies('nodes.plugin'), people),
    withoutRestarts(as(verifies('nodes.fast-failover'), ownerKill)),
    withoutRestarts(as(verifies('nodes.leader-failover'), leaderKill)),
    ...changeScenarios,
    hung,
    as(verifies('nodes.scaling'), scaling),
    ...waiting.filter(({ name }) => name === rotation.name),
    ...needing(['cut', 'heal'], cutScenarios),
    ...needing(['kill', 'start'], killScenarios),
    ...operatorScenarios,
    as(verifies('nodes.fencing'), fence),
    as(verifies('nodes.lost-volume'), lostVolume),
    as(verifies('nodes.recovery'), recovery),
    webhook,
    ...departureScenarios,
    ...maintenanceScenarios,
    ...placementScenarios,
    as(verifies('nodes.hibernation'), sleep),
    { ...upgrade, lacks: nextImage === undefined && '--next-image' },
  ];
  return all.filter(isWanted);
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
  playAll(() => arena as NodesArena, scenarios(options, isWanted));
}
