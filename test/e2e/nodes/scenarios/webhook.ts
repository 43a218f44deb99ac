/** The chart's webhook: asked by the API server through its Service, and in nobody's way when something is deleted. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS } from '../../../../src/api/index.ts';
import { RESOURCES } from '../../../../src/kube/index.ts';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { EVERYTHING, mcpCluster, NAMESPACE } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { OPERATOR_NAMESPACE, OPERATOR_PODS, RELEASE, type NodesArena } from '../arena.ts';

const NAME = 'hooked';
const SYSTEM = `-n ${OPERATOR_NAMESPACE}`;

export const webhook: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.webhook'), async (arena: NodesArena) => {
    const { client, kubectl, options } = arena;
    const spec = { server: EVERYTHING, replicas: 1, paused: true };
    const input = JSON.stringify(mcpCluster(NAME, spec));
    const ref = { namespace: NAMESPACE, name: NAME };
    await client.create(RESOURCES.services, {
      ...{ apiVersion: 'v1', kind: 'Service' },
      metadata: ref,
      spec: { ports: [{ port: 80 }] },
    });
    await arena.install(options.image, { webhook: { enabled: true } });
    try {
      await eventually(
        'the refusal of the operator',
        async () => {
          const { stderr } = await kubectl.run('apply -f -', { input });
          // Until the operator has written whom to trust, the API server cannot ask, and says that instead.
          assert.match(stderr, /"hooked" is invalid: metadata\.name: Service hooked belongs to /);
          return true;
        },
        60_000,
      );
      assert.equal(await client.get(MCP_CLUSTERS, ref), undefined);
      await client.delete(RESOURCES.services, ref);
      await kubectl('apply -f -', { input });

      await kubectl(`scale deployment ${RELEASE} --replicas=0 ${SYSTEM}`);
      await kubectl(`wait pod -l ${OPERATOR_PODS} --for=delete --timeout=60s ${SYSTEM}`);
      const change = `patch mcpc ${NAME} --type=merge -p '{"spec":{"sessions":{"max":7}}}'`;
      assert.match((await kubectl.run(change)).stderr, /failed calling webhook/);
      await kubectl(`delete mcpc ${NAME} --timeout=30s`);
      assert.equal(await client.get(MCP_CLUSTERS, ref), undefined);
    } finally {
      await kubectl(`scale deployment ${RELEASE} --replicas=2 ${SYSTEM}`);
      await arena.install(options.image);
      await client.delete(RESOURCES.services, ref).catch(() => undefined);
    }
    const { items } = await client.list(RESOURCES.validatingWebhookConfigurations);
    assert.ok(!items.some(({ metadata }) => metadata.name === RELEASE), 'it is still asked');
  }),
  timeoutMs: 300_000,
};
