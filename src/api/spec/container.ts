/** The parts of Kubernetes' own container and pod types that a McpCluster passes on, field by field. */
import { QUANTITY_PATTERN, type Schema } from '../schema.ts';

const name = (description: string) =>
  ({ type: 'string', description, minLength: 1, maxLength: 253 }) as const;
const flag = (description: string) => ({ type: 'boolean', description }) as const;
const integerField = (description: string) =>
  ({ type: 'integer', format: 'int64', description }) as const;

const keyReference = (what: string) =>
  ({
    type: 'object',
    description: `One key of a ${what} in the namespace of the McpCluster.`,
    required: ['name', 'key'],
    'x-kubernetes-map-type': 'atomic',
    properties: {
      name: name(`Name of the ${what}.`),
      key: name('The key to read.'),
      optional: flag(`Whether the ${what} or its key may be missing.`),
    },
  }) as const;

export const ENVIRONMENT = {
  type: 'array',
  description: 'Environment variables of the MCP server.',
  maxItems: 256,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name'],
    properties: {
      name: name('Name of the variable.'),
      value: { type: 'string', description: 'Its value.', maxLength: 32_768 },
      valueFrom: {
        type: 'object',
        description: 'Where its value comes from, when it is not given here.',
        properties: {
          secretKeyRef: keyReference('Secret'),
          configMapKeyRef: keyReference('ConfigMap'),
          fieldRef: {
            type: 'object',
            description: 'A field of the pod, such as metadata.name or status.podIP.',
            required: ['fieldPath'],
            'x-kubernetes-map-type': 'atomic',
            properties: {
              apiVersion: name('Version of the schema the path is written in; v1 by default.'),
              fieldPath: name('Path of the field.'),
            },
          },
        },
        'x-kubernetes-validations': [
          {
            rule: '(has(self.secretKeyRef) ? 1 : 0) + (has(self.configMapKeyRef) ? 1 : 0) + (has(self.fieldRef) ? 1 : 0) == 1',
            message: 'needs exactly one of secretKeyRef, configMapKeyRef and fieldRef',
          },
        ],
      },
    },
    'x-kubernetes-validations': [
      {
        rule: '!(has(self.value) && has(self.valueFrom))',
        message: 'value and valueFrom exclude each other',
      },
    ],
  },
} as const satisfies Schema;

const sourceReference = (what: string) =>
  ({
    type: 'object',
    description: `Every key of a ${what}.`,
    required: ['name'],
    'x-kubernetes-map-type': 'atomic',
    properties: {
      name: name(`Name of the ${what}.`),
      optional: flag(`Whether the ${what} may be missing.`),
    },
  }) as const;

export const ENVIRONMENT_FROM = {
  type: 'array',
  description: 'Secrets and ConfigMaps whose every key becomes an environment variable.',
  maxItems: 64,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    properties: {
      prefix: { type: 'string', description: 'Put before each name.', maxLength: 253 },
      secretRef: sourceReference('Secret'),
      configMapRef: sourceReference('ConfigMap'),
    },
    'x-kubernetes-validations': [
      {
        rule: 'has(self.secretRef) != has(self.configMapRef)',
        message: 'needs exactly one of secretRef and configMapRef',
      },
    ],
  },
} as const satisfies Schema;

const quantities = (description: string) =>
  ({
    type: 'object',
    description,
    maxProperties: 16,
    additionalProperties: {
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
      maxLength: 64,
      'x-kubernetes-validations': [
        {
          rule: `type(self) == int || self.matches('${QUANTITY_PATTERN}')`,
          message: 'must be a quantity such as 500m, 64Mi or 2',
          messageExpression: `'"' + string(self) + '" is not a quantity such as 500m, 64Mi or 2'`,
        },
      ],
    },
  }) as const;

export const RESOURCES = {
  type: 'object',
  description: 'CPU, memory and other resources of the MCP server.',
  properties: {
    requests: quantities('What the scheduler sets aside.'),
    limits: quantities('What the server may use at most.'),
  },
} as const satisfies Schema;

export const VOLUME_MOUNTS = {
  type: 'array',
  description: 'Where volumes of podTemplate.volumes appear in the MCP server.',
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['mountPath'],
  items: {
    type: 'object',
    required: ['name', 'mountPath'],
    properties: {
      name: name('Name of a volume in podTemplate.volumes.'),
      mountPath: {
        type: 'string',
        description: 'Where it appears.',
        minLength: 1,
        maxLength: 1024,
        'x-kubernetes-validations': [
          {
            rule: "self.startsWith('/') && !self.contains(':')",
            message: 'must be an absolute path without a colon',
            messageExpression: `'"' + self + '" is not an absolute path without a colon'`,
          },
        ],
      },
      subPath: { type: 'string', description: 'A path inside the volume.', maxLength: 1024 },
      readOnly: flag('Whether the server may only read it.'),
    },
  },
} as const satisfies Schema;

const capabilities = (description: string) =>
  ({
    type: 'array',
    description,
    maxItems: 64,
    'x-kubernetes-list-type': 'atomic',
    items: { type: 'string', maxLength: 64 },
  }) as const;

export const SECURITY_CONTEXT = {
  type: 'object',
  description:
    'Security options of the MCP server; each given field replaces the default, which satisfies the restricted Pod Security Standard.',
  properties: {
    runAsUser: integerField('User id the server runs as; 65532 by default.'),
    runAsGroup: integerField('Group id the server runs as; 65532 by default.'),
    runAsNonRoot: flag('Whether user 0 is refused; true by default.'),
    readOnlyRootFilesystem: flag('Whether the root file system is read-only.'),
    allowPrivilegeEscalation: flag('Whether a child may gain privileges; false by default.'),
    capabilities: {
      type: 'object',
      description: 'Linux capabilities; all are dropped by default.',
      properties: { add: capabilities('Added.'), drop: capabilities('Dropped.') },
    },
  },
} as const satisfies Schema;

const volumeItems = {
  type: 'array',
  description: 'The keys to show and under which path; all when left out.',
  maxItems: 128,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['key', 'path'],
    properties: { key: name('The key.'), path: name('Its path in the volume.') },
  },
} as const satisfies Schema;

export const VOLUMES = {
  type: 'array',
  description: 'Volumes that server.volumeMounts may name.',
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name'],
    properties: {
      name: {
        ...name('Name of the volume.'),
        maxLength: 63,
        'x-kubernetes-validations': [
          {
            rule: "!(self in ['data', 'config']) && !self.startsWith('sidecar-')",
            message: 'data, config and names that begin with sidecar- are volumes of the sidecar',
          },
        ],
      },
      emptyDir: {
        type: 'object',
        description: 'An empty folder that lives as long as the pod.',
        properties: {
          medium: { type: 'string', enum: ['', 'Memory'], description: 'Memory for tmpfs.' },
          sizeLimit: {
            type: 'string',
            description: 'Its size at most.',
            pattern: QUANTITY_PATTERN,
          },
        },
      },
      configMap: {
        type: 'object',
        description: 'The keys of a ConfigMap as files.',
        required: ['name'],
        properties: {
          name: name('Name of the ConfigMap.'),
          optional: flag('Whether it may be missing.'),
          items: volumeItems,
        },
      },
      secret: {
        type: 'object',
        description: 'The keys of a Secret as files.',
        required: ['secretName'],
        properties: {
          secretName: name('Name of the Secret.'),
          optional: flag('Whether it may be missing.'),
          items: volumeItems,
        },
      },
      persistentVolumeClaim: {
        type: 'object',
        description: 'A volume claim that every pod mounts.',
        required: ['claimName'],
        properties: {
          claimName: name('Name of the PersistentVolumeClaim.'),
          readOnly: flag('Whether it is mounted read-only.'),
        },
      },
    },
    'x-kubernetes-validations': [
      {
        rule: '[has(self.emptyDir), has(self.configMap), has(self.secret), has(self.persistentVolumeClaim)].filter(given, given).size() == 1',
        message: 'needs exactly one of emptyDir, configMap, secret and persistentVolumeClaim',
      },
    ],
  },
} as const satisfies Schema;

export const TOLERATIONS = {
  type: 'array',
  description: 'Node taints the pods tolerate.',
  maxItems: 64,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    properties: {
      key: { type: 'string', description: 'The taint; all when left out.', maxLength: 316 },
      operator: {
        type: 'string',
        enum: ['Exists', 'Equal'],
        description: 'How value is compared; Equal by default.',
      },
      value: { type: 'string', description: "The taint's value.", maxLength: 63 },
      effect: {
        type: 'string',
        enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
        description: 'The effect tolerated; all when left out.',
      },
      tolerationSeconds: integerField('How long a NoExecute taint is tolerated.'),
    },
  },
} as const satisfies Schema;
