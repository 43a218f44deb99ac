/** Sequences of writes that a real API server and ours must answer alike, object and managedFields. */
import { CONFIG_MAP_APPLY_CASES } from './apply-cases-config-map.ts';
import { WORKLOAD_APPLY_CASES } from './apply-cases-workload.ts';
import type { KINDS, Step } from './model.ts';

export interface ApplyCase {
  readonly name: string;
  readonly kind: keyof typeof KINDS;
  readonly steps: readonly Step[];
}

const A = (manager: string, body: object, o: object = {}): Step => ({
  op: 'apply',
  manager,
  body,
  ...o,
});
const CUSTOM_APPLY_CASES: readonly ApplyCase[] = [
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

export const APPLY_CASES: readonly ApplyCase[] = [
  ...CONFIG_MAP_APPLY_CASES,
  ...WORKLOAD_APPLY_CASES,
  ...CUSTOM_APPLY_CASES,
];
