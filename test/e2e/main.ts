/** The end-to-end suite: the same scenarios on the embedded API server and on a real control plane. */
import { after, before, test } from 'node:test';
import { parseArgs } from 'node:util';
import { onTerminationSignal, UsageError } from '../../src/host/index.ts';
import { DEFAULT_IMAGE } from '../../src/operator/index.ts';
import { skip as noControlPlane } from '../control-plane.ts';
import { installDefinitions, startLaptop, type Backend, type LaptopArena } from './laptop.ts';
import { EVERYTHING } from './manifests.ts';
import { playOnNodes } from './nodes/main.ts';
import type { NodesOptions } from './nodes/arena.ts';
import { playAll } from './play.ts';
import type { Scenario } from './scenario.ts';
import { autoscalingScenarios } from './scenarios/autoscaling.ts';
import { backupScenarios } from './scenarios/backups.ts';
import { changeScenarios, clusterScenarios, deletionScenarios } from './scenarios/cluster.ts';
import { chartScenarios } from './scenarios/chart.ts';
import { degradedScenarios } from './scenarios/degraded.ts';
import { departureScenarios } from './scenarios/departures.ts';
import { failureScenarios } from './scenarios/failures.ts';
import { kubectlScenarios } from './scenarios/kubectl.ts';
import { metricScenarios } from './scenarios/metrics.ts';
import { lifeCycleScenarios } from './scenarios/life-cycle.ts';
import { memberScenarios } from './scenarios/members.ts';
import { policyScenarios } from './scenarios/policies.ts';
import { refusalScenarios } from './scenarios/refusals.ts';
import { stdioScenarios } from './scenarios/stdio.ts';
import { upgradeScenarios } from './scenarios/upgrade.ts';

const USAGE =
  'usage: npm run e2e -- [--backend embedded|kubebuilder|nodes] [--only TEXT]... [--keep-logs]\n' +
  '  --backend kubebuilder needs KUBEBUILDER_ASSETS: a folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler\n' +
  '  --backend nodes [--image NAME:TAG] [--next-image NAME:TAG] [--server-image NAME] [--storage-class NAME | --volumes FOLDER]\n' +
  '    [--cut COMMAND --heal COMMAND] [--kill COMMAND --start COMMAND]: on the cluster of KUBECONFIG, with three nodes or more that\n' +
  '    can get the images; helm and kubectl must be there. The commands cut a node off, heal it, kill it, start it: {node} stands\n' +
  '    for its name. --volumes: volumes in a folder that all nodes share, where those of the cluster are only for root';

/**
 * Each group needs what the groups before it left: an API, then the operator, then the running sample. An upgrade brings its
 * own operators.
 */
const WITHOUT_OPERATOR: readonly Scenario<LaptopArena>[] = [
  ...refusalScenarios,
  ...kubectlScenarios,
  ...upgradeScenarios,
  ...chartScenarios,
];
const WITH_OPERATOR: readonly Scenario<LaptopArena>[] = [
  ...[...clusterScenarios, ...failureScenarios, ...changeScenarios, ...memberScenarios],
  ...autoscalingScenarios,
  ...lifeCycleScenarios,
  ...departureScenarios,
  ...degradedScenarios,
  ...policyScenarios,
  ...stdioScenarios,
  ...backupScenarios,
  ...metricScenarios,
  ...deletionScenarios,
];

interface Options {
  readonly backend: Backend;
  readonly only: readonly string[];
  readonly keepLogs: boolean;
}

interface OptionsOnNodes extends NodesOptions {
  readonly backend: 'nodes';
  readonly only: readonly string[];
}

function readOptions(): Options | OptionsOnNodes {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'embedded' },
      only: { type: 'string', multiple: true, default: [] },
      'keep-logs': { type: 'boolean', default: false },
      image: { type: 'string', default: DEFAULT_IMAGE },
      'next-image': { type: 'string' },
      'server-image': { type: 'string', default: EVERYTHING.image },
      'storage-class': { type: 'string' },
      volumes: { type: 'string' },
      cut: { type: 'string' },
      heal: { type: 'string' },
      kill: { type: 'string' },
      start: { type: 'string' },
    },
  });
  const { backend, only, image, volumes, cut, heal, kill, start } = values;
  if (backend === 'nodes') {
    return {
      ...{ backend, only, image, volumes },
      nextImage: values['next-image'],
      serverImage: values['server-image'],
      storageClass: values['storage-class'],
      commands: { cut, heal, kill, start },
    };
  }
  if (backend !== 'embedded' && backend !== 'kubebuilder') throw new UsageError(USAGE);
  if (backend === 'kubebuilder' && noControlPlane !== false) {
    throw new UsageError(USAGE);
  }
  return { backend, only, keepLogs: values['keep-logs'] };
}

function run(options: Options): void {
  let arena: LaptopArena | undefined;
  const isNamed = ({ name }: Scenario<LaptopArena>): boolean =>
    options.only.length === 0 || options.only.some((text) => name.includes(text));
  const wanted = (list: readonly Scenario<LaptopArena>[]): readonly Scenario<LaptopArena>[] =>
    // The sample is what most scenarios play on: it is applied whatever was asked for.
    list
      .filter(({ only = options.backend }) => only === options.backend)
      .filter((each) => isNamed(each) || each === clusterScenarios[0]);

  before(async () => {
    arena = await startLaptop(options.backend, options);
    await installDefinitions(arena);
  });
  after(async () => {
    if (options.keepLogs) console.error(`logs: ${arena?.logFolder}`);
    await arena?.stop();
  });
  onTerminationSignal(() => void arena?.stop().then(() => process.exit(130)));

  const there = (): LaptopArena => arena as LaptopArena;
  playAll(there, wanted(WITHOUT_OPERATOR));
  const live = wanted(WITH_OPERATOR);
  if (live.length > 1 || live.some(isNamed)) {
    test('the operator starts', () => there().startOperator());
    playAll(there, live);
  }
}

try {
  const options = readOptions();
  if (options.backend === 'nodes') playOnNodes(options, options.only);
  else run(options);
} catch (error) {
  console.error(error instanceof UsageError || error instanceof TypeError ? USAGE : error);
  process.exitCode = 2;
}
