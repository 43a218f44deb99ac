/** The part of the apply cases that concerns ConfigMaps. */
import type { ApplyCase } from './apply-cases.ts';
import type { Step } from './model.ts';

const A = (manager: string, body: object, o: object = {}): Step => ({
  op: 'apply',
  manager,
  body,
  ...o,
});
export const CONFIG_MAP_APPLY_CASES: readonly ApplyCase[] = [
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
];
