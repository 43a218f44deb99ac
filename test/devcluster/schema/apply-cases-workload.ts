/** The part of the apply cases that concerns StatefulSets and Services. */
import type { ApplyCase } from './apply-cases.ts';
import type { Step } from './model.ts';

const pod = (image = 'nginx:1', extra: object = {}) => ({
  containers: [{ name: 'c', image, ...extra }],
});
const sts = (spec: object = {}, labels = { app: 'a' }) => ({
  spec: {
    serviceName: 's',
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels }, spec: pod() },
    ...spec,
  },
});
const svc = (ports: object[] = [{ name: 'http', port: 80 }], extra: object = {}) => ({
  spec: { clusterIP: 'None', selector: { app: 'a' }, ports, ...extra },
});
const A = (manager: string, body: object, o: object = {}): Step => ({
  op: 'apply',
  manager,
  body,
  ...o,
});
export const WORKLOAD_APPLY_CASES: readonly ApplyCase[] = [
  {
    name: 'sts-1',
    kind: 'sts',
    steps: [
      A('a', sts()),
      A('a', sts()),
      A('a', sts({ replicas: 3 })),
      { op: 'merge', manager: 'scaler', body: { spec: { replicas: 5 } } },
      A('a', sts({ replicas: 3 })),
      A('a', sts()),
      A('b', { spec: { replicas: 2 } }, { force: true }),
    ],
  },
  {
    name: 'sts-2',
    kind: 'sts',
    steps: [
      { op: 'create', manager: 'k', body: sts() },
      {
        op: 'strategic',
        manager: 'p',
        body: {
          spec: {
            template: {
              spec: {
                containers: [
                  { name: 'c', env: [{ name: 'X', value: '1' }] },
                  { name: 'd', image: 'busybox' },
                ],
              },
            },
          },
        },
      },
      {
        op: 'strategic',
        manager: 'p',
        body: { spec: { template: { spec: { containers: [{ name: 'd', $patch: 'delete' }] } } } },
      },
    ],
  },
  {
    name: 'sts-3',
    kind: 'sts',
    steps: [
      A(
        'a',
        sts({
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              containers: [
                {
                  name: 'c',
                  image: 'i:1',
                  ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }],
                  env: [
                    { name: 'A', value: '1' },
                    { name: 'B', value: '2' },
                  ],
                },
              ],
            },
          },
        }),
      ),
      A('b', {
        spec: {
          template: {
            spec: {
              containers: [
                { name: 'c', env: [{ name: 'C', value: '3' }] },
                { name: 'side', image: 's:1' },
              ],
            },
          },
        },
      }),
      A(
        'a',
        sts({
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              containers: [
                {
                  name: 'c',
                  image: 'i:2',
                  ports: [{ containerPort: 81 }],
                  env: [{ name: 'B', value: '2' }],
                },
              ],
            },
          },
        }),
      ),
      A('b', { spec: {} }),
    ],
  },
  {
    name: 'sts-4',
    kind: 'sts',
    steps: [
      A('op', sts({ replicas: 1 })),
      A(
        'ctl',
        { status: { replicas: 1, readyReplicas: 1, availableReplicas: 1 } },
        { sub: 'status' },
      ),
      {
        op: 'merge',
        manager: 'ctl2',
        sub: 'status',
        body: { status: { replicas: 2, readyReplicas: 2 } },
      },
      A('op', sts({ replicas: 2 })),
      {
        op: 'merge',
        manager: 'x',
        sub: 'status',
        body: {
          status: {
            conditions: [{ type: 'A', status: 'True', lastTransitionTime: '2024-01-01T00:00:00Z' }],
          },
          metadata: { labels: { z: 'y' } },
          spec: { replicas: 7 },
        },
      },
    ],
  },
  {
    name: 'sts-5',
    kind: 'sts',
    steps: [
      A(
        'a',
        sts({
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: {
                accessModes: ['ReadWriteOnce'],
                resources: { requests: { storage: '1024Mi' } },
              },
            },
          ],
          podManagementPolicy: 'Parallel',
          updateStrategy: { type: 'OnDelete' },
        }),
      ),
      A(
        'a',
        sts({
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          ],
          podManagementPolicy: 'Parallel',
          updateStrategy: { type: 'OnDelete' },
        }),
      ),
    ],
  },
  {
    name: 'sts-6',
    kind: 'sts',
    steps: [
      {
        op: 'create',
        manager: 'k',
        body: sts({
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              ...pod('x:1', {
                livenessProbe: { httpGet: { port: 80 } },
                resources: { limits: { cpu: '1000m', memory: '0.5Gi' } },
                volumeMounts: [{ name: 'v', mountPath: '/v' }],
                envFrom: [{ configMapRef: { name: 'c' } }],
                lifecycle: { preStop: { httpGet: { port: 1 } } },
              }),
              initContainers: [
                {
                  name: 'side',
                  image: 'y@sha256:aaa',
                  restartPolicy: 'Always',
                  env: [{ name: 'P', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
                },
              ],
              volumes: [
                { name: 'v', configMap: { name: 'x' } },
                { name: 'w', secret: { secretName: 's' } },
                { name: 'e' },
                { name: 'pr', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
              ],
              affinity: {
                podAntiAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: [
                    { topologyKey: 'k', labelSelector: { matchLabels: { a: 'b' } } },
                  ],
                },
              },
              serviceAccountName: 'sa',
              tolerations: [{ key: 'k', operator: 'Exists' }],
              topologySpreadConstraints: [
                { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway' },
              ],
            },
          },
        }),
      },
      {
        op: 'merge',
        manager: 'k2',
        body: { spec: { template: { metadata: { annotations: { a: 'b' } } } } },
      },
    ],
  },
  {
    name: 'sts-7',
    kind: 'sts',
    steps: [
      A(
        'a',
        sts({
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              containers: [
                { name: 'c', image: 'x' },
                { name: 'c', image: 'y' },
              ],
            },
          },
        }),
      ),
      // One at a time: the real server reports both or one, in the random order of a Go map.
      A('a', sts({ foo: 1 })),
      A(
        'a',
        sts({
          template: {
            metadata: { labels: { app: 'a' } },
            spec: { containers: [{ name: 'c', image: 'x', bar: 2 }] },
          },
        }),
      ),
      A('a', { spec: { replicas: '3' } }),
    ],
  },
  {
    name: 'svc-1',
    kind: 'svc',
    steps: [
      A('a', svc()),
      A('b', svc([{ name: 'adm', port: 81, targetPort: 'x' }])),
      A('a', svc([{ name: 'http', port: 80, targetPort: 8080 }])),
      A('a', svc([{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }])),
      { op: 'strategic', manager: 's', body: { spec: { ports: [{ port: 80, name: 'web' }] } } },
      A('a', svc()),
    ],
  },
  {
    name: 'svc-2',
    kind: 'svc',
    steps: [
      { op: 'create', manager: 'k', body: svc([{ port: 80 }], { publishNotReadyAddresses: true }) },
      { op: 'merge', manager: 'k', body: { spec: { selector: null } } },
      A('a', { spec: { selector: { x: 'y' } } }),
      A('b', { spec: { selector: { x: 'z' } } }),
      A('b', { spec: { selector: { w: 'z' } } }, { force: true }),
    ],
  },
  {
    name: 'svc-3',
    kind: 'svc',
    steps: [
      A(
        'a',
        svc([
          { name: 'a', port: 1 },
          { name: 'b', port: 2 },
          { name: 'c', port: 3 },
        ]),
      ),
      A(
        'a',
        svc([
          { name: 'c', port: 3 },
          { name: 'n', port: 9 },
          { name: 'a', port: 1 },
        ]),
      ),
      A(
        'b',
        svc([
          { name: 'z', port: 7 },
          { name: 'a', port: 1 },
          { name: 'y', port: 6 },
        ]),
      ),
      A('a', svc([{ name: 'a', port: 1 }])),
    ],
  },
  {
    name: 'svc-4',
    kind: 'svc',
    steps: [
      A('a', svc([{ name: 'a', port: 1 }])),
      {
        op: 'merge',
        manager: 'st',
        sub: 'status',
        body: {
          status: {
            conditions: [
              {
                type: 'X',
                status: 'True',
                reason: 'R',
                message: '',
                lastTransitionTime: '2024-01-01T00:00:00Z',
              },
            ],
          },
        },
      },
      A(
        'st2',
        {
          status: {
            conditions: [
              {
                type: 'Y',
                status: 'True',
                reason: 'R',
                message: 'm',
                lastTransitionTime: '2024-01-01T00:00:00Z',
              },
            ],
          },
        },
        { sub: 'status' },
      ),
    ],
  },
];
