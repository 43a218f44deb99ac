/** The objects of a cluster: the properties that something else relies on. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  clientService,
  configMap,
  disruptionBudget,
  endpointSlice,
  networkPolicy,
  peerService,
  serviceAccount,
  sidecarConfig,
  statefulSet,
  type DesiredObject,
} from '../../../src/operator/core/index.ts';
import { configHash } from '../../../src/operator/core/config.ts';
import { policiesOf } from '../../../src/operator/core/policies.ts';
import { canonicalJson, fingerprint } from '../../../src/operator/core/hash.ts';
import { verifies } from '../../requirements.ts';
import { answer, cluster, pod, view } from './fixtures.ts';

const size = { replicas: 5, voters: 3 };
const sidecarImage = 'ghcr.io/mcp-cluster/mcp-cluster:test';

// Kubernetes objects are asserted on as JSON: the builders' own types promise no more than metadata.
const json = (object: object) => JSON.parse(JSON.stringify(object));
const set = (spec: Parameters<typeof cluster>[0] = {}) =>
  json(statefulSet(cluster(spec), { sidecarImage, size }));
const template = (spec: Parameters<typeof cluster>[0] = {}) => set(spec).spec.template;

void suite('objects of a cluster', () => {
  test('every object is owned, labelled and in the namespace of its cluster', () => {
    const objects: DesiredObject[] = [
      peerService(cluster()),
      clientService(cluster()),
      configMap(cluster(), size),
      serviceAccount(cluster()),
      disruptionBudget(cluster(), view()),
      networkPolicy(cluster()),
      endpointSlice(cluster(), view().members),
      statefulSet(cluster(), { sidecarImage, size }),
    ];
    for (const { metadata, kind } of objects) {
      assert.equal(metadata.namespace, 'team', kind);
      assert.equal(metadata.labels?.['mcpcluster.io/cluster'], 'tools', kind);
      assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'mcp-cluster-operator', kind);
      assert.deepEqual(
        metadata.ownerReferences?.map(({ kind: owner, uid, controller }) => [
          owner,
          uid,
          controller,
        ]),
        [['McpCluster', 'uid-1', true]],
        kind,
      );
    }
  });

  test('peers find pods that are not ready, clients find what we say', () => {
    const peers = json(peerService(cluster())).spec;
    assert.equal(peers.clusterIP, 'None');
    assert.equal(peers.publishNotReadyAddresses, true);
    const clients = json(
      clientService(cluster({ gateway: { ...cluster().spec.gateway, port: 80 } })),
    );
    assert.equal(clients.spec.selector, undefined);
    assert.deepEqual(
      clients.spec.ports.map(({ name, port }: { name: string; port: number }) => [name, port]),
      [['mcp', 80]],
    );
  });

  test('pods start together and are replaced by us alone', () => {
    const { spec } = set();
    assert.equal(spec.replicas, 5);
    assert.equal(spec.podManagementPolicy, 'Parallel');
    assert.deepEqual(spec.updateStrategy, { type: 'OnDelete' });
    assert.equal(spec.serviceName, 'tools-peers');
  });

  test(verifies('operator.volumes'), () => {
    const { spec } = set();
    assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, {
      whenDeleted: 'Delete',
      whenScaled: 'Retain',
    });
    assert.equal(spec.volumeClaimTemplates[0].spec.resources.requests.storage, '1Gi');
    assert.equal(spec.volumeClaimTemplates[0].spec.storageClassName, undefined);
  });

  test('the sidecar is a native sidecar with the arguments and the environment of its contract', () => {
    const [sidecar] = template().spec.initContainers;
    assert.equal(sidecar.name, 'sidecar');
    assert.equal(sidecar.image, sidecarImage);
    assert.equal(sidecar.restartPolicy, 'Always');
    assert.deepEqual(sidecar.args, [
      'sidecar',
      '--config=/etc/mcp-cluster/config/config.json',
      '--identity-dir=/etc/mcp-cluster/identity',
      '--session-db-path=/var/lib/mcp-cluster',
      '--pod-annotations-dir=/etc/mcp-cluster/pod',
      '--tokens-dir=/etc/mcp-cluster/auth',
      '--hand-over-file=/tmp/hand-over',
      '--hand-over-timeout=20s',
    ]);
    assert.deepEqual(
      sidecar.env.map(({ name }: { name: string }) => name),
      ['POD_NAME', 'POD_NAMESPACE', 'POD_IP', 'NODE_OPTIONS', 'MALLOC_ARENA_MAX'],
    );
    assert.equal(sidecar.startupProbe.httpGet.path, '/healthz', 'must not wait for a quorum');
    assert.equal(sidecar.readinessProbe.httpGet.path, '/readyz');
  });

  test('pods satisfy the restricted Pod Security Standard, and their token is for the operator alone', () => {
    const { spec } = template();
    assert.equal(spec.automountServiceAccountToken, false);
    const projected = spec.volumes.find(
      ({ name }: { name: string }) => name === 'sidecar-identity',
    );
    const [{ serviceAccountToken }, { configMap: trust }] = projected.projected.sources;
    assert.equal(serviceAccountToken.audience, 'mcpcluster.io/identity');
    assert.deepEqual(trust, { name: 'tools-trust' });
    const volumes = JSON.stringify(spec.volumes);
    assert.ok(!volumes.includes('"secret"'), 'no Secret of ours is mounted');
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.deepEqual(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' });
    for (const { securityContext } of [...spec.initContainers, ...spec.containers]) {
      assert.equal(securityContext.allowPrivilegeEscalation, false);
      assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] });
    }
  });

  test(verifies('operator.pods-hand-over-first'), () => {
    const { spec } = template();
    const [sidecar] = spec.initContainers;
    const [server] = spec.containers;
    const { command } = sidecar.lifecycle.preStop.exec;
    const file: string = command.at(-1);
    assert.equal(command[0], 'node', 'found in the PATH of the image');
    assert.ok(sidecar.args.includes(`--hand-over-file=${file}`), 'it reads what is written');
    const { name } = sidecar.volumeMounts.find(({ mountPath }: { mountPath: string }) =>
      file.startsWith(`${mountPath}/`),
    );
    assert.ok(!JSON.stringify(server).includes(name), 'the server cannot write it');
    const httpGet = { path: '/drained', port: 9090, scheme: 'HTTP' };
    assert.deepEqual(server.lifecycle.preStop.httpGet, httpGet);
    const bound = (grace: number): string | undefined =>
      template({
        podTemplate: { ...cluster().spec.podTemplate, terminationGracePeriodSeconds: grace },
      }).spec.initContainers[0].args.find((text: string) => text.startsWith('--hand-over-timeout'));
    assert.equal(bound(90), '--hand-over-timeout=80s');
    assert.equal(bound(5), '--hand-over-timeout=1s');
  });

  test('the server gets exactly what the spec says of it', () => {
    const [server] = template({
      server: {
        ...cluster().spec.server,
        command: ['run'],
        envFrom: [{ secretRef: { name: 's' } }],
        workingDir: '/app',
        resources: { limits: { memory: '1Gi' } },
        volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
        securityContext: { runAsUser: 1000 },
        imagePullPolicy: 'Never',
      },
    }).spec.containers;
    assert.equal(server.name, 'server');
    assert.deepEqual(server.command, ['run']);
    assert.deepEqual(server.args, ['streamableHttp']);
    assert.deepEqual(server.env, [{ name: 'PORT', value: '3001' }]);
    assert.deepEqual(server.envFrom, [{ secretRef: { name: 's' } }]);
    assert.equal(server.workingDir, '/app');
    assert.deepEqual(server.resources, { limits: { memory: '1Gi' } });
    assert.equal(server.imagePullPolicy, 'Never');
    assert.equal(server.securityContext.runAsUser, 1000);
    assert.equal(server.securityContext.allowPrivilegeEscalation, false);
    assert.equal(
      server.readinessProbe,
      undefined,
      'a loopback server cannot be probed from outside',
    );
    assert.equal(server.terminationMessagePolicy, 'FallbackToLogsOnError');
  });

  test(verifies('operator.stdio-servers-get-a-bridge'), () => {
    const { spec } = template({
      server: {
        ...cluster().spec.server,
        transport: 'Stdio',
        command: ['python3', '-m', 'a_server'],
        args: ['--verbose'],
        volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
        stdio: { processes: 'Shared', maxProcesses: 7, idleTimeout: '1h' },
      },
    });
    const [installer, sidecar] = spec.initContainers;
    assert.equal(sidecar.name, 'sidecar', 'the bridge is there before anything starts');
    assert.deepEqual(installer.args, ['install-bridge', '/mcp-cluster']);
    assert.equal(installer.restartPolicy, undefined);
    assert.equal(installer.securityContext.readOnlyRootFilesystem, true);
    const [server] = spec.containers;
    assert.deepEqual(server.command, [
      ...['/mcp-cluster/node', '/mcp-cluster/mcp-cluster.mjs', 'bridge'],
      ...['--port=3001', '--path=/mcp', '--mode=Shared', '--max-children=7', '--idle-timeout=1h'],
      ...['--', 'python3', '-m', 'a_server', '--verbose'],
    ]);
    assert.deepEqual(server.args, []);
    const [volume] = installer.volumeMounts;
    assert.deepEqual(server.volumeMounts, [
      { name: 'notes', mountPath: '/notes' },
      { ...volume, readOnly: true },
    ]);
    assert.ok(spec.volumes.some(({ name }: { name: string }) => name === volume.name));
    assert.equal(template().spec.initContainers.length, 1, 'others get none');
  });

  test('the pod template of the spec is added, but not over our own labels', () => {
    const { metadata, spec } = template({
      podTemplate: {
        antiAffinity: 'Required',
        terminationGracePeriodSeconds: 90,
        topologySpreadConstraints: [
          { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' },
        ],
        metadata: {
          labels: { team: 'a', 'mcpcluster.io/cluster': 'other' },
          annotations: { b: 'c' },
        },
        nodeSelector: { disk: 'ssd' },
        volumes: [{ name: 'notes', emptyDir: {} }],
        imagePullSecrets: [{ name: 'registry' }],
        tolerations: [{ key: 'gpu', operator: 'Exists' }],
      },
    });
    assert.equal(metadata.labels.team, 'a');
    assert.equal(metadata.labels['mcpcluster.io/cluster'], 'tools');
    assert.equal(metadata.annotations.b, 'c');
    assert.deepEqual(spec.nodeSelector, { disk: 'ssd' });
    assert.equal(spec.terminationGracePeriodSeconds, 90);
    assert.deepEqual(spec.volumes.at(-1), { name: 'notes', emptyDir: {} });
    assert.deepEqual(spec.imagePullSecrets, [{ name: 'registry' }]);
    assert.deepEqual(spec.tolerations, [{ key: 'gpu', operator: 'Exists' }]);
    const { podAntiAffinity } = spec.affinity;
    assert.equal(podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.length, 1);
    assert.deepEqual(spec.topologySpreadConstraints, [
      {
        ...{ maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' },
        labelSelector: spec.topologySpreadConstraints[0].labelSelector,
      },
    ]);
  });

  test('the configuration file holds every field of its contract', () => {
    const map = configMap(cluster(), size);
    assert.deepEqual(JSON.parse(map.data['config.json'] ?? ''), {
      fencedMembers: [],
      clusterId: 'uid-1',
      name: 'tools',
      namespace: 'team',
      peerService: 'tools-peers',
      replicas: 5,
      founded: false,
      voters: ['tools-0', 'tools-1', 'tools-2'],
      ports: { gateway: 8080, gatewayPeer: 8081, peer: 7000, metrics: 9090 },
      server: { port: 3001, path: '/mcp' },
      gateway: {
        path: '/mcp',
        allowedOrigins: [],
        allowedHosts: [],
        limits: { bodyBytes: 4_194_304, headerBytes: 16_384, streamsPerSession: 16 },
        policies: json(policiesOf(cluster())),
      },
      sessions: {
        idleTimeoutMs: 28_800_000,
        max: 10_000,
        resume: { events: 256, bytes: 1_048_576, replicas: 1 },
      },
      consensus: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 200, max: 400 } },
      gossip: { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 },
    });
  });

  test(verifies('operator.config-hash'), () => {
    const { spec } = cluster();
    const before = configHash(cluster());
    const live: Parameters<typeof cluster>[0][] = [
      { replicas: 7 },
      { replicas: 7, voters: 7 },
      { sessions: { ...spec.sessions, max: 1 } },
      { gateway: { ...spec.gateway, allowedOrigins: ['*'] } },
      { gateway: { ...spec.gateway, limits: { ...spec.gateway.limits, bodyBytes: 2048 } } },
      { loadBalancing: { ...spec.loadBalancing, strategy: 'RoundRobin' } },
      { gateway: { ...spec.gateway, requestTimeout: '1m' } },
    ];
    for (const change of live) assert.equal(configHash(cluster(change)), before);
    const restart: Parameters<typeof cluster>[0][] = [
      { gateway: { ...spec.gateway, path: '/x' } },
      { server: { ...spec.server, port: 3002 } },
      { consensus: { ...spec.consensus, heartbeatInterval: '60ms' } },
      { gossip: { ...spec.gossip, suspicion: '1s' } },
    ];
    for (const change of restart) assert.notEqual(configHash(cluster(change)), before);
  });

  test('durations become whole milliseconds', () => {
    const config = sidecarConfig(
      cluster({ gossip: { probeInterval: '1.5s', probeTimeout: '20.4ms', suspicion: '1m30s' } }),
      size,
    );
    assert.deepEqual(config.gossip, {
      probeIntervalMs: 1500,
      probeTimeoutMs: 20,
      suspicionMs: 90_000,
      fanout: 3,
    });
  });

  test('one pod may be evicted at a time, an unhealthy one always', () => {
    const { spec } = json(disruptionBudget(cluster(), view()));
    assert.equal(spec.maxUnavailable, 1);
    assert.equal(spec.unhealthyPodEvictionPolicy, 'AlwaysAllow');
  });
});

void suite('EndpointSlice', () => {
  const conditions = (members: ReturnType<typeof view>['members']) =>
    json(endpointSlice(cluster(), members)).endpoints.map(
      (each: { hostname: string; conditions: object }) => [each.hostname, each.conditions],
    );
  const serves = { ready: true, serving: true, terminating: false };

  test('names the Service and its port, and every pod with an address', () => {
    const slice = json(endpointSlice(cluster(), view().members));
    assert.equal(slice.metadata.labels['kubernetes.io/service-name'], 'tools');
    assert.equal(slice.addressType, 'IPv4');
    assert.equal(slice.ports[0].name, 'mcp');
    assert.deepEqual(slice.endpoints[0].addresses, ['10.244.0.1']);
    assert.equal(slice.endpoints[0].targetRef.name, 'tools-0');
    assert.equal(slice.endpoints[0].nodeName, 'node-0');
  });

  test('a pod that ends serves the clients it has and gets no new ones', () => {
    const ending = pod(1);
    const metadata = { ...ending.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const { members } = view({ pods: [pod(0), { ...ending, metadata }, pod(2)] });
    assert.deepEqual(conditions(members), [
      ['tools-0', serves],
      ['tools-1', { ready: false, serving: true, terminating: true }],
      ['tools-2', serves],
    ]);
  });

  test('a pod that drains gets no new clients', () => {
    const reports = new Map([
      ['tools-0', answer(0)],
      ['tools-1', answer(1, { draining: true })],
      ['tools-2', answer(2)],
    ]);
    assert.deepEqual(conditions(view({ reports }).members)[1], [
      'tools-1',
      { ready: false, serving: true, terminating: false },
    ]);
  });

  test('a pod without address is left out, IPv6 addresses make an IPv6 slice', () => {
    const bare = { ...pod(1), status: {} };
    assert.equal(conditions(view({ pods: [pod(0), bare, pod(2)] }).members).length, 2);
    const six = { ...pod(0), status: { ...pod(0).status, podIP: 'fd00::1' } };
    const slice = json(endpointSlice(cluster(), view({ pods: [six] }).members));
    assert.equal(slice.addressType, 'IPv6');
    assert.equal(slice.metadata.name, 'tools-clients-ipv6');
  });
});

void suite('fingerprints', () => {
  test('equal values have equal texts, whatever the order of their keys', () => {
    assert.equal(
      canonicalJson({ b: [1, { d: 2, c: undefined }], a: null }),
      '{"a":null,"b":[1,{"d":2}]}',
    );
    assert.equal(fingerprint({ a: 1, b: 2 }), fingerprint({ b: 2, a: 1 }));
    assert.notEqual(fingerprint({ a: 1 }), fingerprint({ a: '1' }));
    assert.equal(fingerprint('').length, 16);
    assert.notEqual(fingerprint('a'), fingerprint('b'));
  });
});
