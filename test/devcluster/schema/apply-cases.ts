/** Sequences of writes that a real API server and ours must answer alike, object and managedFields. */
import type { KINDS, Step } from './model.ts';

export interface ApplyCase {
  readonly name: string;
  readonly kind: keyof typeof KINDS;
  readonly steps: readonly Step[];
}

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
export const APPLY_CASES: readonly ApplyCase[] = [
  {
    name: 'cm-1',
    kind: 'cm',
    steps: [
      A('a', { data: { x: '1' } }),
      A('a', { data: { x: '1' } }),
      A('a', { data: { x: '2', y: '3' } }),
      A('a', { data: { y: '3' } }),
    ],
  },
  {
    name: 'cm-2',
    kind: 'cm',
    steps: [
      A('a', { data: { x: '1' } }),
      A('b', { data: { x: '1', z: '2' } }),
      A('b', { data: { x: '9' } }),
      A('b', { data: { x: '9' } }, { force: true }),
      A('a', { data: {} }),
      A('b', { metadata: { labels: { l: 'v' } } }),
    ],
  },
  {
    name: 'cm-3',
    kind: 'cm',
    steps: [
      { op: 'create', manager: 'c', body: { data: { x: '1' }, metadata: { labels: { a: 'b' } } } },
      A('a', { data: { x: '2' } }),
      A('a', { data: { x: '2' } }, { force: true }),
      { op: 'update', manager: 'u', body: { data: { x: '3', y: '1' } } },
      A('a', { data: {} }),
    ],
  },
  {
    name: 'cm-4',
    kind: 'cm',
    steps: [
      A('a', {
        data: { x: '1' },
        metadata: { labels: { k: 'v' }, annotations: { n: 'm' }, finalizers: ['e.com/a'] },
      }),
      {
        op: 'merge',
        manager: 'm',
        body: { data: { x: '5' }, metadata: { labels: { k: null, j: 'w' }, finalizers: null } },
      },
      {
        op: 'json',
        manager: 'j',
        body: [
          { op: 'add', path: '/data/q', value: 'r' },
          { op: 'remove', path: '/data/x' },
        ],
      },
      { op: 'strategic', manager: 's', body: { data: { q: null } } },
    ],
  },
  {
    name: 'cm-5',
    kind: 'cm',
    steps: [A('a', { data: { x: '1' } }), A('b', { data: { x: '1' } }), A('a', {}), A('b', {})],
  },
  {
    name: 'cm-6',
    kind: 'cm',
    steps: [
      A('a', { metadata: { finalizers: ['e.com/a', 'e.com/b'] } }),
      A('b', { metadata: { finalizers: ['e.com/b', 'e.com/c'] } }),
      A('a', { metadata: { finalizers: ['e.com/b'] } }),
      { op: 'merge', manager: 'm', body: { metadata: { finalizers: null } } },
    ],
  },
  {
    name: 'cm-7',
    kind: 'cm',
    steps: [
      A('a', { bogus: 1, data: { x: '1' } }),
      A('a', { data: { x: 1 } }),
      A('a', { metadata: { managedFields: [] }, data: {} }),
    ],
  },
  {
    name: 'cm-8',
    kind: 'cm',
    steps: [
      { op: 'create', manager: 'c', body: { data: { x: '1' } } },
      { op: 'merge', manager: 'm', body: { metadata: { managedFields: [{}] } } },
      A('a', { data: { x: '2' } }),
      A('a', { data: { x: '1', y: '2' } }),
    ],
  },
  {
    name: 'cm-9',
    kind: 'cm',
    steps: [
      {
        op: 'create',
        manager: 'c',
        body: { data: { x: '1' }, binaryData: { b: 'AAAA' }, immutable: false },
      },
      { op: 'update', manager: 'c', body: { data: { x: '1' }, binaryData: { b: 'AAAA' } } },
      { op: 'update', manager: 'd', body: { data: { x: '1' } } },
    ],
  },
  {
    name: 'cm-10',
    kind: 'cm',
    steps: [
      { op: 'create', manager: 'm0', body: { data: { x: '0' } } },
      ...Array.from({ length: 13 }, (_, i): Step => ({
        op: 'merge',
        manager: 'm' + (i + 1),
        body: { data: { ['k' + i]: 'v' } },
      })),
    ],
  },
  {
    name: 'cm-11',
    kind: 'cm',
    steps: [
      A('a', {
        metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' }] },
      }),
      A('b', {
        metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'u2' }] },
      }),
      A('a', {}),
    ],
  },
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
      A(
        'a',
        sts({
          foo: 1,
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
  {
    name: 'cr-1',
    kind: 'cr',
    steps: [
      A('a', { spec: { image: 'x' } }),
      A('a', { spec: { image: 'x' } }),
      A('a', { spec: { image: 'x', replicas: 4 } }),
      A('a', { spec: { image: 'y' } }),
      { op: 'merge', manager: 'm', body: { spec: { replicas: 5 } } },
      A('a', { spec: { image: 'y', replicas: 2 } }),
    ],
  },
  {
    name: 'cr-2',
    kind: 'cr',
    steps: [
      A('a', {
        spec: {
          image: 'x',
          tags: ['p', 'q'],
          atoms: ['1', '2'],
          ports: [{ port: 1 }, { port: 2, name: 'two' }],
          labels: { a: 'b' },
          sel: { a: 'x' },
          free: { deep: { er: [1, { q: 1 }] } },
        },
      }),
      A('b', {
        spec: {
          image: 'x',
          tags: ['q', 'r'],
          ports: [{ port: 1, name: 'one' }, { port: 3 }],
          labels: { c: 'd' },
          free: { deep: { other: true } },
        },
      }),
      A('b', { spec: { image: 'x', atoms: ['1'], sel: { b: 'y' } } }),
      A('b', { spec: { image: 'x', atoms: ['1'], sel: { b: 'y' } } }, { force: true }),
      A('a', { spec: { image: 'x' } }),
      A('b', { spec: { image: 'x' } }),
    ],
  },
  {
    name: 'cr-3',
    kind: 'cr',
    steps: [
      {
        op: 'create',
        manager: 'c',
        body: {
          spec: { image: 'x', labels: { a: 'b' }, nest: { other: 'o' } },
          status: { replicas: 3 },
        },
      },
      {
        op: 'merge',
        manager: 's',
        sub: 'status',
        body: {
          status: { replicas: 1, conditions: [{ type: 'Ready', status: 'True' }] },
          metadata: { labels: { q: 'r' } },
          spec: { image: 'z' },
        },
      },
      A(
        's2',
        {
          spec: { image: 'w' },
          metadata: { labels: { l: 'm' } },
          status: { conditions: [{ type: 'Ready', status: 'False' }] },
        },
        { sub: 'status' },
      ),
      A(
        's2',
        {
          spec: { image: 'w' },
          metadata: { labels: { l: 'm' } },
          status: { conditions: [{ type: 'Ready', status: 'False' }] },
        },
        { sub: 'status', force: true },
      ),
      A('s2', { status: {} }, { sub: 'status' }),
    ],
  },
  {
    name: 'cr-4',
    kind: 'cr',
    steps: [
      { op: 'create', manager: 'c', body: { spec: { image: 'x', labels: { a: 'b' } } } },
      A('a', { spec: { image: 'x', labels: { a: 'b', c: 'd' } } }),
      { op: 'update', manager: 'c', body: { spec: { image: 'x' } } },
      A('a', { spec: { image: 'x', labels: {} } }),
      A('a', { spec: { image: 'x' } }),
    ],
  },
  {
    name: 'cr-5',
    kind: 'cr',
    steps: [
      A('a', { spec: { image: 'x', tags: ['a', 'a'] } }),
      A('a', { spec: { image: 'x', bogus: 1 } }),
      A('a', { spec: { image: 'x', nest: { deep: 3 } } }),
      A('a', { spec: { image: 'x', nest: {} } }),
      A('a', { spec: { image: 'x', nest: null } }),
    ],
  },
  {
    name: 'cr-6',
    kind: 'cr',
    steps: [
      A('a', { spec: { image: 'x', labels: { a: 'b' } } }),
      A('b', { spec: { image: 'x', labels: { a: 'b' } } }),
      A('c', { spec: { image: 'y', labels: { a: 'c' } } }),
      {
        op: 'json',
        manager: 'j',
        body: [
          { op: 'replace', path: '/spec/labels/a', value: 'zz' },
          { op: 'add', path: '/spec/tags', value: ['n'] },
        ],
      },
      A('a', { spec: { image: 'x' } }),
      A('b', { spec: { image: 'x' } }),
    ],
  },
  {
    name: 'cr-7',
    kind: 'cr',
    steps: [
      A('a', {
        spec: {
          image: 'x',
          port: 80,
          tmpl: {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'q', labels: { a: 'b' } },
            spec: { x: [1] },
          },
        },
      }),
      A('b', {
        spec: {
          image: 'x',
          port: 'http',
          tmpl: {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'q', labels: { c: 'd' } },
            spec: { y: 1 },
          },
        },
      }),
      A('a', { spec: { image: 'x' } }),
    ],
  },
  {
    name: 'cr-8',
    kind: 'cr',
    steps: [
      A('a', {
        metadata: { labels: { x: 'y' }, annotations: {} },
        spec: { image: 'x', labels: {}, tags: ['a'], ports: [] },
      }),
      A('a', { spec: { image: 'x', tags: [], ports: [{ port: 5 }] } }),
      A('a', { metadata: { labels: {} }, spec: { image: 'x', nil: null } }),
    ],
  },
  {
    name: 'cr-9',
    kind: 'cr',
    steps: [
      A('a', { spec: { image: 'x', free: { a: {} }, labels: { a: 'b' } } }),
      A('a', { spec: { image: 'x', free: {}, labels: {} } }),
      A('a', { spec: { image: 'x', free: {}, labels: {} } }),
      A('a', { spec: { image: 'x', tags: ['a'], ports: [{ port: 1 }] } }),
      A('a', { spec: { image: 'x', ports: [] } }),
      A('a', { spec: { image: 'x' } }),
    ],
  },
  {
    name: 'cr-10',
    kind: 'cr',
    steps: [
      {
        op: 'create',
        manager: 'c',
        body: { spec: { image: 'x', labels: { a: 'b' }, tags: ['t'] } },
      },
      A('a', { spec: { image: 'x', labels: { c: 'd' }, tags: ['u'] } }),
      { op: 'merge', manager: 'm', body: { spec: { labels: { a: null }, tags: ['u'] } } },
      A('a', { spec: { image: 'x' } }),
    ],
  },
];
