/** The end-to-end suite: the same scenarios on the embedded API server and on a real control plane. */
import { after, before, test } from 'node:test';
import { parseArgs } from 'node:util';
import { onTerminationSignal, UsageError } from '../../src/host/index.ts';
import { DEFAULT_IMAGE } from '../../src/operator/index.ts';
import { skip as noControlPlane } from '../control-plane.ts';
import { installDefinitions, startLaptop, type Backend, type LaptopArena } from './laptop.ts';
import { playOnNodes } from './nodes/main.ts';
import type { SiteOptions } from './nodes/site.ts';
import { playAll } from './play.ts';
import type { Scenario } from './scenario.ts';
import { autoscalingScenarios } from './scenarios/autoscaling.ts';
import { backupScenarios } from './scenarios/backups.ts';
import { changeScenarios, clusterScenarios, deletionScenarios } from './scenarios/cluster.ts';
import { chartScenarios } from './scenarios/chart.ts';
import { degradedScenarios } from './scenarios/degraded.ts';
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
  'usage: npm run e2e -- [--backend embedded|kubebuilder] [--only TEXT] [--keep-logs]\n' +
  '  --backend kubebuilder needs KUBEBUILDER_ASSETS: a folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler\n' +
  '  --backend nodes [--image NAME] --cut COMMAND --heal COMMAND: on the cluster of KUBECONFIG, with three nodes or more that have\n' +
  '    the image; the commands cut off a node and take that back, {node} stands for its name. Operator and definitions stay there';

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
  ...degradedScenarios,
  ...policyScenarios,
  ...stdioScenarios,
  ...backupScenarios,
  ...metricScenarios,
  ...deletionScenarios,
];

interface Options {
  readonly backend: Backend;
  readonly only: string;
  readonly keepLogs: boolean;
}

function readOptions(): Options | ({ readonly backend: 'nodes' } & SiteOptions) {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'embedded' },
      only: { type: 'string', default: '' },
      'keep-logs': { type: 'boolean', default: false },
      image: { type: 'string', default: DEFAULT_IMAGE },
      cut: { type: 'string' },
      heal: { type: 'string' },
    },
  });
  const { backend, only, image, cut, heal } = values;
  if (backend === 'nodes') return { backend, image, cut, heal };
  if (backend !== 'embedded' && backend !== 'kubebuilder') throw new UsageError(USAGE);
  if (backend === 'kubebuilder' && noControlPlane !== false) {
    throw new UsageError(USAGE);
  }
  return { backend, only, keepLogs: values['keep-logs'] };
}

function run(options: Options): void {
  let arena: LaptopArena | undefined;
  const wanted = (list: readonly Scenario<LaptopArena>[]): readonly Scenario<LaptopArena>[] =>
    // The sample is what most scenarios play on: it is applied whatever was asked for.
    list
      .filter(({ only = options.backend }) => only === options.backend)
      .filter((each) => each.name.includes(options.only) || each === clusterScenarios[0]);

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
  if (live.length > 1 || options.only === '' || clusterScenarios[0]?.name.includes(options.only)) {
    test('the operator starts', () => there().startOperator());
    playAll(there, live);
  }
}

try {
  const options = readOptions();
  if (options.backend === 'nodes') playOnNodes(options);
  else run(options);
} catch (error) {
  console.error(error instanceof UsageError || error instanceof TypeError ? USAGE : error);
  process.exitCode = 2;
}
