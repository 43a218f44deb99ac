/** The schema of `spec.networkPolicy`: who may reach which port of the pods. */
import { flag, group, type Schema } from '../schema.ts';

const LABELS = {
  type: 'object',
  description: 'Labels that must all be there.',
  maxProperties: 64,
  additionalProperties: { type: 'string', maxLength: 63 },
} as const satisfies Schema;

const EXPRESSIONS = {
  type: 'array',
  description: 'Conditions on labels that must all hold.',
  maxItems: 32,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['key', 'operator'],
    properties: {
      key: { type: 'string', description: 'The label.', minLength: 1, maxLength: 317 },
      operator: {
        type: 'string',
        enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
        description: 'How the label is compared with the values.',
      },
      values: {
        type: 'array',
        description: 'The values; none with Exists and DoesNotExist.',
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
        items: { type: 'string', maxLength: 63 },
      },
    },
  },
} as const satisfies Schema;

const selector = (description: string) =>
  ({
    type: 'object',
    description,
    properties: { matchLabels: LABELS, matchExpressions: EXPRESSIONS },
  }) as const;

const CIDR_LENGTH_MAX = 43;

const peers = (description: string) =>
  ({
    type: 'array',
    description,
    maxItems: 32,
    'x-kubernetes-list-type': 'atomic',
    items: {
      type: 'object',
      properties: {
        podSelector: selector("Pods, of the cluster's own namespace unless another is selected."),
        namespaceSelector: selector('Namespaces; all pods of them when no pods are selected.'),
        ipBlock: {
          type: 'object',
          description: 'Addresses outside the Kubernetes cluster.',
          required: ['cidr'],
          properties: {
            cidr: {
              type: 'string',
              description: 'Such as 192.0.2.0/24.',
              maxLength: CIDR_LENGTH_MAX,
            },
            except: {
              type: 'array',
              description: 'Parts of it that are left out.',
              maxItems: 32,
              'x-kubernetes-list-type': 'atomic',
              items: { type: 'string', maxLength: CIDR_LENGTH_MAX },
            },
          },
        },
      },
      'x-kubernetes-validations': [
        {
          rule: 'has(self.ipBlock) ? !has(self.podSelector) && !has(self.namespaceSelector) : has(self.podSelector) || has(self.namespaceSelector)',
          message: 'needs podSelector, namespaceSelector or both, or else ipBlock alone',
        },
      ],
    },
  }) as const;

const PORTS = {
  type: 'array',
  description: 'Ports of the pods, by number or by name.',
  minItems: 1,
  maxItems: 32,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['port'],
    properties: {
      port: {
        description: 'Number of the port, or its name.',
        'x-kubernetes-int-or-string': true,
        anyOf: [{ type: 'integer' }, { type: 'string' }],
      },
      protocol: {
        type: 'string',
        enum: ['TCP', 'UDP', 'SCTP'],
        default: 'TCP',
        description: 'Protocol of the port.',
      },
    },
  },
} as const satisfies Schema;

export const NETWORK_POLICY = group(
  "Who may reach the pods. Without callers being asked who they are at the MCP server's own port, that port is closed to everybody outside the pod; the gateway's is open to all. Only a network plugin that enforces NetworkPolicies makes it so.",
  {
    enabled: flag('Whether the operator writes a NetworkPolicy for the pods.', true),
    clients: {
      ...peers('Who may reach the gateway; everybody when empty.'),
      default: [],
    },
    ingress: {
      type: 'array',
      description: 'What else may be reached and by whom, beside what the cluster itself needs.',
      default: [],
      maxItems: 16,
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        required: ['ports'],
        properties: { from: peers('Who; everybody when left out.'), ports: PORTS },
      },
    },
  },
);
