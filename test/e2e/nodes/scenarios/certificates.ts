/** The authority of a cluster and the certificates of its pods are replaced while clients call, with the day's wait made short. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { SIDECAR_PORTS } from '../../../../src/api/index.ts';
import { RESOURCES } from '../../../../src/kube/index.ts';
import { createCertificateAuthority, type KeyPair } from '../../../../src/security/index.ts';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { EVERYTHING, mcpCluster, NAMESPACE } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import type { NodesArena } from '../arena.ts';
import { startLoad } from '../load.ts';

const NAME = 'rotated';
const DAY_MS = 86_400_000;
/** Pods renew a minute after they were given a certificate: the shortest life, and asked for as early as may be. */
const TLS = { certificateDuration: '1h', renewBefore: '59m' };
/**
 * A new authority signs a day after it was made. This one says that it was made a day before it is trusted everywhere: what is
 * mounted follows within two minutes.
 */
const KNOWN_AFTER_MS = 150_000;
const LOAD_SECONDS = 240;

/** What each pod shows to the others. */
async function leaves(arena: NodesArena): Promise<readonly X509Certificate[]> {
  const pods = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${NAME}`);
  return Promise.all(
    pods.map(async ({ status }) => {
      const host = await arena.addressOf(status?.podIP ?? '');
      // It asks for a certificate, too, but shows its own first.
      const socket = connect({ host, port: SIDECAR_PORTS.peer, rejectUnauthorized: false });
      try {
        await once(socket, 'secureConnect');
        const leaf = socket.getPeerX509Certificate();
        assert.ok(leaf);
        return leaf;
      } finally {
        socket.destroy();
      }
    }),
  );
}

/** Puts a new authority beside the present one, as the operator does when the end of that one is near. */
async function renewAuthority({ client }: NodesArena): Promise<KeyPair> {
  const ref = { namespace: NAMESPACE, name: `${NAME}-ca` };
  const { data = {} } = ((await client.get(RESOURCES.secrets, ref)) ?? {}) as {
    data?: Record<string, string>;
  };
  const made = await createCertificateAuthority({
    commonName: `${NAMESPACE}/${NAME}`,
    validityDays: 3_650,
    now: new Date(Date.now() - DAY_MS + KNOWN_AFTER_MS),
  });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const body = {
    data: {
      'ca.crt': base64(made.certificate),
      'ca.key': base64(made.key),
      'previous.crt': data['ca.crt'],
      'previous.key': data['ca.key'],
    },
  };
  await client.patch(RESOURCES.secrets, ref, { type: 'merge', body });
  return made;
}

const isWhole = async (arena: NodesArena): Promise<boolean> => {
  const { members = [], readyReplicas } = (await arena.get(NAME)).status ?? {};
  return readyReplicas === 3 && members.filter(({ ready }) => ready).length === 3;
};

export const rotation: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.rotation'), async (arena: NodesArena) => {
    await arena.apply(mcpCluster(NAME, { server: EVERYTHING, replicas: 3, tls: TLS }));
    try {
      await eventually('three pods', () => isWhole(arena), 90_000);
      const load = await startLoad({
        client: arena.client,
        image: arena.options.image,
        name: 'rotation-load',
        where: { node: arena.quietNode },
        url: `http://${NAME}.${NAMESPACE}.svc:8080/mcp`,
        seconds: LOAD_SECONDS,
        everyMs: 100,
      });
      try {
        const before = await leaves(arena);
        const { publicKey } = new X509Certificate((await renewAuthority(arena)).certificate);
        assert.ok(before.length === 3 && !before.some((leaf) => leaf.verify(publicKey)));
        const { calls, failures, lost, slowestMs } = await load.report();
        const after = await leaves(arena);
        assert.equal(after.filter((leaf) => leaf.verify(publicKey)).length, 3, 'not all are new');
        assert.deepEqual({ failures, lost }, { failures: [], lost: [] });
        console.log(
          `another authority, and three certificates of it: ${calls} calls ok, slowest ${slowestMs} ms`,
        );
      } finally {
        await load.stop();
      }
      // Connections that were open went on: whoever comes now opens all of its own.
      const [pod] = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${NAME}`);
      await arena.killPod(pod?.metadata.name ?? '');
      await eventually(
        'another pod, let in',
        async () => {
          const now = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${NAME}`);
          const isNew = now.every(({ metadata }) => metadata.uid !== pod?.metadata.uid);
          return now.length === 3 && isNew && (await isWhole(arena));
        },
        60_000,
      );
    } finally {
      await arena.remove(NAME);
    }
  }),
  timeoutMs: 420_000,
};
