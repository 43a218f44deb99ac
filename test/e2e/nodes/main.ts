/** `npm run e2e -- --backend nodes`: what only real nodes can show, on a cluster that $KUBECONFIG names. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { outageMs, type Report } from './programs.ts';
import { CLUSTER, connectSite, NAMESPACE, type Site, type SiteOptions } from './site.ts';

const OUTAGE_MAX_MS = 2_000;
const LOAD_SECONDS = 30;

interface Endpoint {
  readonly nodeName?: string;
  readonly conditions: { readonly ready: boolean };
}

export function playOnNodes(options: SiteOptions): void {
  let site: Site;
  before(async () => {
    site = await connectSite(options);
    await site.open();
  });
  after(() => site?.close());

  const { cut = '', heal = '' } = options;
  const skip = (cut === '' || heal === '') && 'it takes --cut and --heal';
  test(verifies('operator.cut-node'), { skip, timeout: 180_000 }, async (t) => {
    const operator = await site.nodeOf(
      'mcp-cluster-system',
      'app.kubernetes.io/name=mcp-cluster-operator',
    );
    const nodes = (await endpoints(site)).map(({ nodeName = '' }) => nodeName);
    const victim = nodes.find((node) => node !== operator);
    assert.ok(victim !== undefined, `all pods are on ${operator}`);
    await site.startLoad(operator, LOAD_SECONDS);
    // Load without any trouble belongs to the picture.
    await pause(3_000);
    const cutAt = performance.now();
    await site.run(cut, victim);
    let goneMs = Number.NaN;
    try {
      const isGone = async (): Promise<boolean> =>
        (await endpoints(site)).every(
          ({ nodeName, conditions }) => nodeName !== victim || !conditions.ready,
        );
      await eventually('the cut pod to leave the EndpointSlice', isGone);
      goneMs = performance.now() - cutAt;
      const report = JSON.parse(await site.loadReport()) as Report;
      const { calls, slowestMs, failures, lost } = report;
      const reasons = [...new Set(failures.map(({ why }) => why))];
      t.diagnostic(
        `${victim} cut: its pod left the EndpointSlice after ${Math.round(goneMs)} ms; of ${calls} calls ${failures.length} ` +
          `failed, begun within ${outageMs(report)} ms (${reasons.join(', ')}); slowest answer ${slowestMs} ms`,
      );
      assert.deepEqual(lost, []);
      assert.ok(outageMs(report) <= OUTAGE_MAX_MS, `errors for ${outageMs(report)} ms`);
    } finally {
      await site.run(heal, victim);
    }
    const isWhole = async (): Promise<boolean> =>
      (await site.cluster()).status?.readyReplicas === 3;
    await eventually('the pod to be back', isWhole, 60_000);
  });
}

async function endpoints({ client }: Site): Promise<readonly Endpoint[]> {
  const slice = await client.get(RESOURCES.endpointSlices, {
    namespace: NAMESPACE,
    name: `${CLUSTER}-clients-ipv4`,
  });
  return (slice?.['endpoints'] ?? []) as readonly Endpoint[];
}
