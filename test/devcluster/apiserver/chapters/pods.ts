/** Pods: defaults, refusals, status, binding, logs and deletion with grace. */
import { pod } from '../fixture.ts';
import { DEFAULT, MERGE, STRATEGIC, type Chapter } from './chapter.ts';

const fullPodSpec = {
  initContainers: [
    {
      name: 'sidecar',
      image: 'a:1',
      restartPolicy: 'Always',
      startupProbe: { httpGet: { path: '/x', port: 1 } },
    },
  ],
  containers: [
    {
      name: 'main',
      image: 'foo',
      ports: [{ containerPort: 80, name: 'http' }],
      readinessProbe: { httpGet: { port: 'http' } },
      livenessProbe: { tcpSocket: { port: 3 } },
      lifecycle: { preStop: { httpGet: { port: 8 } } },
      env: [
        { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'B', value: '' },
      ],
      resources: { limits: { cpu: 1, memory: '1024Mi' } },
      volumeMounts: [{ name: 's', mountPath: '/s' }],
    },
  ],
  volumes: [
    { name: 's', secret: { secretName: 'x' } },
    { name: 'cm', configMap: { name: 'y' } },
    { name: 'e', emptyDir: {} },
    {
      name: 'd',
      downwardAPI: { items: [{ path: 'a', fieldRef: { fieldPath: 'metadata.labels' } }] },
    },
    { name: 'pr', projected: { sources: [{ configMap: { name: 'z' } }] } },
    { name: 'hp', hostPath: { path: '/x' } },
  ],
};

export const pods: Chapter = async (call) => {
  const path = `${DEFAULT}/pods`;
  await call('POST', path, pod('full', fullPodSpec));
  await call(
    'POST',
    path,
    pod('host', {
      hostNetwork: true,
      containers: [{ name: 'c', image: 'x@sha256:aa', ports: [{ containerPort: 8080 }] }],
    }),
  );
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: { containers: [{ name: 'A b', ports: [{ containerPort: 0 }] }] },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: {
      containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'no', mountPath: '/x' }] }],
    },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: {
      containers: [
        { name: 'a', image: 'x' },
        { name: 'a', image: 'x' },
      ],
    },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: { containers: [{ name: 'a', image: 'x', livenessProbe: {} }] },
  });
  await call('POST', path, { metadata: { name: 'bad' }, spec: {} });
  await call('POST', path, { metadata: { name: 'bad' }, spec: { containers: 'x' } });
  await call('PATCH', `${path}/full`, { spec: { nodeName: 'n' } }, MERGE);
  await call(
    'PATCH',
    `${path}/full`,
    { spec: { containers: [{ name: 'main', image: 'foo:2' }] } },
    STRATEGIC,
  );
  await call(
    'PATCH',
    `${path}/full/status`,
    {
      status: { phase: 'Running', podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }] },
      spec: { nodeName: 'x' },
    },
    STRATEGIC,
  );
  await call('POST', `${path}/full/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'full' },
    target: { kind: 'Node', name: 'n1' },
  });
  await call('POST', `${path}/full/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'full' },
    target: { kind: 'Node', name: 'n2' },
  });
  await call('GET', `${path}/full`);
  await call('GET', `${path}/host/log?container=nope`);
  await call('GET', `${path}/host/log`);
  await call('DELETE', `${path}/full`);
  await call('DELETE', `${path}/full`, { gracePeriodSeconds: 2 });
  await call('DELETE', `${path}/full`, { gracePeriodSeconds: 0 });
  await call('GET', `${path}/full`);
  await call('DELETE', `${path}/host`, { propagationPolicy: 'Foreground' });
  await call('DELETE', `${path}/host`, { propagationPolicy: 'Sideways' });
};
