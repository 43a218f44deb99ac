/** What is taken out of a report, and what stays in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactLog, redactObject, redactText } from '../../../src/cli/core/redact.ts';
import { verifies } from '../../requirements.ts';

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
const KEY = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----';

const TEXTS: readonly (readonly [text: string, shown: string])[] = [
  ['authorization: Bearer abc.def', 'authorization: Bearer [redacted]'],
  [`refused ${TOKEN} as expired`, 'refused [redacted] as expired'],
  [`key: x\n${KEY}\nend`, 'key: [redacted]\n[redacted]\nend'],
  ['https://me:pass@host/p', 'https://[redacted]@host/p'],
  ['GET /x?api_key=abc&a=1', 'GET /x?api_key=[redacted]&a=1'],
  ['"password":"abc"', '"password":"[redacted]"'],
  ['asked by alice@example.com', 'asked by [redacted]'],
  [
    'a: exited with 1; last log line: my cat | b: fine',
    'a: exited with 1; last log line: [redacted] | b: fine',
  ],
  ['tools-0 leads term 7', 'tools-0 leads term 7'],
  ['connect ECONNREFUSED 10.0.0.7:7000', 'connect ECONNREFUSED 10.0.0.7:7000'],
];

test(verifies('verbs.report'), () => {
  for (const [text, shown] of TEXTS) assert.equal(redactText(text), shown);
  const line = {
    level: 'warn',
    msg: 'request refused',
    session: 'b2a6f1de-7d0c-4d0e-9a53-0f8d6f1c2b3a',
    principal: 'alice',
    uri: 'file:///home/alice/plan.txt',
    error: `bad token ${TOKEN}`,
    term: 7,
  };
  const shown = JSON.parse(redactLog(JSON.stringify(line))) as typeof line;
  assert.deepEqual(shown, {
    ...line,
    session: 'b2a6f1de',
    principal: '[redacted]',
    uri: '[redacted]',
    error: 'bad token [redacted]',
  });
  assert.equal(redactLog('Error: Bearer abc\n    at x'), 'Error: Bearer [redacted]\n    at x');
});

test('a pod without what its server was given and said', () => {
  const annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': '{"env":"secret"}',
    'mcpcluster.io/config-hash': '6f7',
  };
  const terminated = { exitCode: 1, message: 'cannot log in as root with hunter2' };
  const shown = redactObject({
    kind: 'Pod',
    metadata: { name: 'tools-0', annotations, managedFields: [{ manager: 'x' }] },
    spec: {
      initContainers: [{ name: 'sidecar', args: ['sidecar', '--config=/x'] }],
      containers: [
        {
          name: 'server',
          command: ['server'],
          args: ['--pin', '1234'],
          env: [
            { name: 'PIN', value: '1234' },
            { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
          ],
        },
      ],
    },
    status: { containerStatuses: [{ name: 'server', lastState: { terminated } }] },
  });
  assert.deepEqual(shown, {
    kind: 'Pod',
    metadata: {
      name: 'tools-0',
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': '[redacted]',
        'mcpcluster.io/config-hash': '6f7',
      },
    },
    spec: {
      initContainers: [{ name: 'sidecar', args: ['sidecar', '--config=/x'] }],
      containers: [
        {
          name: 'server',
          command: ['[redacted]'],
          args: ['[redacted]', '[redacted]'],
          env: [
            { name: 'PIN', value: '[redacted]' },
            { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
          ],
        },
      ],
    },
    status: {
      containerStatuses: [
        { name: 'server', lastState: { terminated: { exitCode: 1, message: '[redacted]' } } },
      ],
    },
  });
});
