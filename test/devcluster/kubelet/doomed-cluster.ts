/** A program for `survivors.test.ts`: starts a laptop cluster with one pod, prints the pod's processes, and waits to be killed. */
import { isPodReady } from '../../../src/devcluster/core/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { looping, NAMESPACE, podOf, shell, startTestCluster } from '../cluster.ts';

const cluster = await startTestCluster();
process.on('SIGTERM', () => void cluster.stop());
await cluster.client.create(
  RESOURCES.pods,
  podOf('doomed', { containers: [shell('main', `sleep 1000 & ${looping('echo up', ':')}`)] }),
);
await cluster.podWhere('doomed', 'to be ready', isPodReady);
const pids = await eventually('two processes', () => {
  const found = cluster.cluster.podProcesses(NAMESPACE, 'doomed').flatMap((one) => one.pids);
  return found.length >= 2 ? found : undefined;
});
process.stdout.write(`${JSON.stringify({ pids, kubeconfig: cluster.cluster.kubeconfig })}\n`);
