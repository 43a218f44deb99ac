/** What other objects make of a McpCluster that is about to be stored. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { McpCluster } from '../../../src/api/index.ts';
import {
  judge,
  nextBundle,
  rivals,
  type AdmissionFacts,
  specProblem,
} from '../../../src/operator/core/index.ts';
import { BUNDLE_MAX } from '../../../src/operator/core/ca-bundle.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { cluster } from './fixtures.ts';

const NOTHING: AdmissionFacts = {
  missingSecretKeys: new Set(),
  mayReviewTokens: undefined,
  issuer: undefined,
  foreign: [],
  rigid: [],
  others: [],
};
const named = (name: string, namespace = 'team'): McpCluster => {
  const one = cluster();
  return { ...one, metadata: { ...one.metadata, name, namespace, uid: `uid-${name}` } };
};
const sized = (size: string): McpCluster => {
  const { spec } = cluster();
  return cluster({ storage: { ...spec.storage, size } });
};
const issued = (kind: 'Issuer' | 'ClusterIssuer'): McpCluster =>
  cluster(
    defaultedSpec({ server: { image: 'x' }, tls: { issuerRef: { name: 'corporate', kind } } }),
  );

void suite('admission', () => {
  test('clusters rival for a name of the same kind and namespace only', () => {
    const found = rivals(named('tools-peers'), [
      named('tools'),
      named('tools-peers'),
      named('tools', 'other'),
      named('tools-config'),
    ]);
    assert.deepEqual(found, [
      { kind: 'Service', name: 'tools-peers', owner: 'McpCluster tools (uid-tools)' },
    ]);
    const [other] = rivals(named('tools'), [named('tools-peers')]);
    assert.equal(other?.owner, 'McpCluster tools-peers (uid-tools-peers)');
  });

  test('a name that is taken keeps a new cluster out, and no one that is there', () => {
    const foreign = rivals(named('tools-peers'), [named('tools')]);
    const facts = { ...NOTHING, foreign };
    const { refusals } = judge(named('tools-peers'), undefined, facts);
    assert.deepEqual(refusals, [
      {
        reason: 'ForeignObject',
        message:
          'metadata.name: Service tools-peers belongs to McpCluster tools (uid-tools), and the objects of a McpCluster are named after it; delete that one, or choose another name, such as my-tools-peers',
      },
    ]);
    assert.deepEqual(judge(named('tools-peers'), named('tools-peers'), facts).refusals, []);
    assert.deepEqual(judge(named('tools-peers'), undefined, NOTHING).refusals, []);
  });

  test('volumes that cannot grow are refused only when they are asked to', () => {
    const rigid = [{ claim: 'data-tools-0', storageClass: 'slow', size: '1Gi' }];
    const facts = { ...NOTHING, rigid };
    const [refused] = judge(sized('2Gi'), sized('1Gi'), facts).refusals;
    assert.equal(refused?.reason, 'VolumeNotExpandable');
    assert.match(
      refused.message,
      /^spec\.storage\.size: "2Gi": StorageClass slow of data-tools-0 does not allow .*; keep "1Gi", or let it: kubectl patch storageclass slow/,
    );
    assert.deepEqual(judge(sized('1Gi'), sized('1Gi'), facts).refusals, []);
  });

  test('two clusters may not share a volume for their backups, nor come to', () => {
    const backed = (name: string, volume: object, namespace?: string): McpCluster => {
      const backup = { schedule: '0 2 * * *', volume };
      const { spec } = cluster(defaultedSpec({ server: { image: 'x' }, backup }));
      return { ...named(name, namespace), spec };
    };
    const shared = { claimName: 'tools-backup' };
    const others = [
      backed('tools', { size: '1Gi' }),
      backed('far', shared, 'other'),
      named('bare'),
    ];
    const facts = { ...NOTHING, others };
    const [refused, ...more] = judge(backed('shop', shared), undefined, facts).refusals;
    assert.equal(more.length, 0);
    assert.deepEqual(refused, {
      reason: 'BackupVolumeShared',
      message:
        'spec.backup.volume.claimName: "tools-backup": McpCluster tools keeps its backups on PersistentVolumeClaim tools-backup, too, and no two clusters may; give this one another volume, such as size: 10Gi',
    });
    const input = { ...NOTHING, others, pods: [], reports: new Map() };
    assert.deepEqual(specProblem(backed('shop', shared), input), refused);
    const mine = { claimName: 'mine' };
    assert.equal(judge(backed('shop', shared), backed('shop', mine), facts).refusals.length, 1);
    assert.deepEqual(judge(backed('shop', shared), backed('shop', shared), facts).refusals, []);
    assert.deepEqual(judge(backed('tools', { size: '1Gi' }), undefined, facts).refusals, []);
    assert.deepEqual(judge(backed('shop', mine), undefined, facts).refusals, []);
  });

  test('what is missing is a warning: it may arrive later', () => {
    const states = {
      Missing:
        /^spec\.tls\.issuerRef\.name: "corporate": there is no Issuer corporate in namespace team; .* such as ClusterIssuer$/,
      NotInstalled: /^spec\.tls\.issuerRef: .* install cert-manager, or leave the field out$/,
      NotReady: /corporate in namespace team is not ready: no key; pods that have no/,
    } as const;
    for (const [state, says] of Object.entries(states)) {
      const issuer = { state: state as keyof typeof states, says: 'no key', refused: [] };
      const { refusals, warnings } = judge(issued('Issuer'), undefined, { ...NOTHING, issuer });
      assert.deepEqual(refusals, []);
      assert.match(warnings[0]?.message ?? '', says);
    }
    const issuer = { state: 'Ready', refused: [] } as const;
    assert.deepEqual(judge(issued('Issuer'), undefined, { ...NOTHING, issuer }).warnings, []);
    const missing = { state: 'Missing', refused: [] } as const;
    const [told] = judge(issued('ClusterIssuer'), undefined, {
      ...NOTHING,
      issuer: missing,
    }).warnings;
    assert.match(told?.message ?? '', /no ClusterIssuer corporate; .*such as Issuer$/);
  });
});

void suite('caBundle', () => {
  const pem = (text: string): string =>
    `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
  const table: readonly (readonly [says: string, now: string, trusted: string, next: string])[] = [
    ['nothing there', '', pem('b'), pem('b')],
    ['what is there stays behind what is new', pem('a'), pem('b'), pem('b') + pem('a')],
    ['nothing stands twice', pem('b') + pem('a'), pem('b'), pem('b') + pem('a')],
    ['what is no certificate goes', 'nonsense', pem('b'), pem('b')],
  ];
  for (const [says, now, trusted, next] of table) {
    test(says, () => assert.equal(nextBundle(now, trusted), next));
  }

  test('it does not grow for ever', () => {
    let bundle = '';
    for (let i = 0; i < 20; i += 1) bundle = nextBundle(bundle, pem(`authority ${i}`));
    assert.equal(bundle.split('BEGIN').length - 1, BUNDLE_MAX);
    assert.ok(bundle.startsWith(pem('authority 19')));
  });
});
