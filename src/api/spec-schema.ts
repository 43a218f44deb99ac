/** The schema of a McpCluster's `spec`: the one source of its TypeScript type, its CRD and `kubectl explain`. */
import {
  ENVIRONMENT,
  ENVIRONMENT_FROM,
  RESOURCES,
  SECURITY_CONTEXT,
  TOLERATIONS,
  VOLUME_MOUNTS,
  VOLUMES,
} from './container-schema.ts';
import {
  celIsDuration,
  duration,
  group,
  integer,
  port,
  QUANTITY_PATTERN,
  urlPath,
  type Schema,
} from './schema.ts';

/** Ports of the sidecar that no server and no gateway may take: peers' gateways, Raft and gossip, metrics. */
export const SIDECAR_PORTS = { gatewayPeer: 8081, peer: 7000, metrics: 9090 } as const;
const reservedPorts = Object.values(SIDECAR_PORTS).join(', ');

/** A port of the pod that the user chooses. */
const freePort = (description: string, byDefault: number) =>
  ({
    ...port(description, byDefault),
    'x-kubernetes-validations': [
      {
        rule: `!(self in [${reservedPorts}])`,
        message: `is taken: the sidecar in the same pod listens on ${reservedPorts}`,
      },
    ],
  }) as const;

const words = (description: string) =>
  ({
    type: 'array',
    description,
    maxItems: 128,
    'x-kubernetes-list-type': 'atomic',
    items: { type: 'string', maxLength: 4096 },
  }) as const;

const labels = (description: string) =>
  ({
    type: 'object',
    description,
    maxProperties: 64,
    additionalProperties: { type: 'string', maxLength: 4096 },
  }) as const;

const SERVER = {
  type: 'object',
  description: 'The MCP server, unmodified: any image that speaks Streamable HTTP.',
  required: ['image'],
  properties: {
    image: { type: 'string', description: 'Image of the server.', minLength: 1, maxLength: 1024 },
    imagePullPolicy: {
      type: 'string',
      enum: ['Always', 'IfNotPresent', 'Never'],
      description: "When the image is pulled; Kubernetes' own default when left out.",
    },
    command: words("Replaces the image's entry point."),
    args: words("Replaces the image's arguments."),
    env: ENVIRONMENT,
    envFrom: ENVIRONMENT_FROM,
    workingDir: { type: 'string', description: 'Working folder.', maxLength: 1024 },
    resources: RESOURCES,
    volumeMounts: VOLUME_MOUNTS,
    securityContext: SECURITY_CONTEXT,
    transport: {
      type: 'string',
      enum: ['StreamableHTTP'],
      default: 'StreamableHTTP',
      description: 'The MCP transport the server speaks.',
    },
    port: freePort('Port the server listens on, on the loopback address or on all.', 3000),
    path: urlPath('URL path of its MCP endpoint.', '/mcp'),
  },
} as const satisfies Schema;

const GATEWAY = group('What clients of the cluster meet.', {
  port: freePort('Port of the gateway in each pod and of the client Service.', 8080),
  path: urlPath('URL path clients use.', '/mcp'),
  allowedOrigins: {
    type: 'array',
    description:
      'Origins of web pages that may call the gateway, such as https://app.example.com; * for all. A request that carries no Origin is not from a web page and is let through.',
    default: [],
    maxItems: 64,
    'x-kubernetes-list-type': 'set',
    items: {
      type: 'string',
      maxLength: 300,
      'x-kubernetes-validations': [
        {
          rule: "self == '*' || self.matches('^[a-z][a-z0-9+.-]*://[^/?#]+$')",
          message: 'must be * or an origin such as https://app.example.com',
          messageExpression: `'"' + self + '" is not * or an origin such as https://app.example.com'`,
        },
      ],
    },
  },
  allowedHosts: {
    type: 'array',
    description: 'Values of the Host header that are served; every host when empty.',
    default: [],
    maxItems: 64,
    'x-kubernetes-list-type': 'set',
    items: { type: 'string', minLength: 1, maxLength: 300 },
  },
  limits: group('Limits of one request or session.', {
    bodyBytes: integer('Bytes of a request body at most.', {
      default: 4_194_304,
      minimum: 1024,
      maximum: 268_435_456,
    }),
    headerBytes: integer('Bytes of all request headers at most.', {
      default: 16_384,
      minimum: 1024,
      maximum: 1_048_576,
    }),
    streamsPerSession: integer('Open streams of one session at most.', {
      default: 16,
      minimum: 1,
      maximum: 1024,
    }),
  }),
});

const SESSIONS = group('Sessions of clients.', {
  idleTimeout: duration('A session without a request for this long is closed.', {
    default: '8h',
    min: '1s',
    max: '720h',
  }),
  max: integer('Sessions of the whole cluster at most.', {
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
  }),
  resume: group('What is kept of each stream so that a client can resume it.', {
    events: integer('Events at most.', { default: 256, minimum: 1, maximum: 65_536 }),
    bytes: integer('Bytes at most.', { default: 1_048_576, minimum: 1024, maximum: 67_108_864 }),
  }),
});

const electionTimes = `${celIsDuration('self.electionTimeout.min')} && ${celIsDuration('self.electionTimeout.max')} && ${celIsDuration('self.heartbeatInterval')}`;

const CONSENSUS = group(
  'Timing of Raft among the voters. Raise all of it together between distant zones.',
  {
    heartbeatInterval: duration('How often the leader shows that it lives.', {
      default: '50ms',
      min: '10ms',
      max: '10s',
    }),
    electionTimeout: group('A follower that hears nothing for this long stands for election.', {
      min: duration('Shortest wait.', { default: '200ms', min: '20ms', max: '60s' }),
      max: duration('Longest wait; each wait is drawn at random.', {
        default: '400ms',
        min: '20ms',
        max: '60s',
      }),
    }),
  },
  [
    {
      rule: `!(${electionTimes}) || duration(self.electionTimeout.min) < duration(self.electionTimeout.max)`,
      message: 'electionTimeout.min must be shorter than electionTimeout.max',
      messageExpression: `'electionTimeout.min ' + self.electionTimeout.min + ' must be shorter than electionTimeout.max ' + self.electionTimeout.max`,
      fieldPath: '.electionTimeout',
    },
    {
      rule: `!(${electionTimes}) || duration(self.electionTimeout.min) >= duration(self.heartbeatInterval) + duration(self.heartbeatInterval)`,
      message: 'electionTimeout.min must be at least twice heartbeatInterval',
      messageExpression: `'electionTimeout.min ' + self.electionTimeout.min + ' must be at least twice heartbeatInterval ' + self.heartbeatInterval`,
      fieldPath: '.electionTimeout',
    },
  ],
);

const probeTimes = `${celIsDuration('self.probeInterval')} && ${celIsDuration('self.probeTimeout')} && ${celIsDuration('self.suspicion')}`;

const GOSSIP = group(
  'How quickly pods notice that one of them died.',
  {
    probeInterval: duration('How often a pod probes another.', {
      default: '200ms',
      min: '20ms',
      max: '60s',
    }),
    probeTimeout: duration('How long it waits for the answer.', {
      default: '100ms',
      min: '10ms',
      max: '60s',
    }),
    suspicion: duration('How long a suspected pod has to refute before it counts as dead.', {
      default: '600ms',
      min: '20ms',
      max: '600s',
    }),
  },
  [
    {
      rule: `!(${probeTimes}) || duration(self.probeTimeout) < duration(self.probeInterval)`,
      message: 'probeTimeout must be shorter than probeInterval',
      messageExpression: `'probeTimeout ' + self.probeTimeout + ' must be shorter than probeInterval ' + self.probeInterval`,
      fieldPath: '.probeTimeout',
    },
    {
      rule: `!(${probeTimes}) || duration(self.suspicion) >= duration(self.probeInterval)`,
      message: 'suspicion must be at least probeInterval',
      messageExpression: `'suspicion ' + self.suspicion + ' must be at least probeInterval ' + self.probeInterval`,
      fieldPath: '.suspicion',
    },
  ],
);

const STORAGE = {
  type: 'object',
  description: 'The volume of each pod: the Raft log and the sessions in it.',
  default: {},
  properties: {
    size: {
      type: 'string',
      description: 'Size of the volume, a quantity such as 1Gi. It cannot be changed.',
      default: '1Gi',
      maxLength: 64,
      'x-kubernetes-validations': [
        {
          rule: `self.matches('${QUANTITY_PATTERN}')`,
          message: 'must be a quantity such as 1Gi or 500Mi',
          messageExpression: `'"' + self + '" is not a quantity such as 1Gi or 500Mi'`,
        },
        {
          rule: 'self == oldSelf',
          message: 'cannot be changed: the volumes exist already',
          messageExpression: `'cannot be changed from ' + oldSelf + ' to ' + self + ': the volumes exist already'`,
        },
      ],
    },
    storageClassName: {
      type: 'string',
      description:
        "Storage class of the volume; the cluster's default when left out. It cannot be changed.",
      maxLength: 253,
    },
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
      message: 'cannot be changed: the volumes exist already',
      fieldPath: '.storageClassName',
      reason: 'FieldValueForbidden',
    },
  ],
} as const satisfies Schema;

const POD_TEMPLATE = group('Where and how the pods run.', {
  metadata: {
    type: 'object',
    description: 'Added to every pod.',
    properties: {
      labels: labels('Labels; those of the operator cannot be replaced.'),
      annotations: labels('Annotations.'),
    },
  },
  nodeSelector: labels('Labels a node must have.'),
  tolerations: TOLERATIONS,
  antiAffinity: {
    type: 'string',
    enum: ['Preferred', 'Required'],
    default: 'Preferred',
    description: 'Whether two pods of the cluster may share a node when there is no other.',
  },
  imagePullSecrets: {
    type: 'array',
    description: 'Secrets for registries.',
    maxItems: 16,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', description: 'Name of the Secret.', minLength: 1, maxLength: 253 },
      },
    },
  },
  volumes: VOLUMES,
});

export const SPEC_SCHEMA = {
  type: 'object',
  description: 'The cluster as it should be.',
  required: ['server'],
  properties: {
    replicas: {
      type: 'integer',
      format: 'int32',
      description: 'Pods of the cluster.',
      default: 3,
      minimum: 1,
      maximum: 99,
    },
    voters: {
      type: 'integer',
      format: 'int32',
      enum: [1, 3, 5, 7],
      description:
        'Pods that vote in Raft; the others follow as learners. By default the largest odd number that is at most replicas and at most 5. It cannot be changed.',
    },
    server: SERVER,
    gateway: GATEWAY,
    sessions: SESSIONS,
    consensus: CONSENSUS,
    gossip: GOSSIP,
    storage: STORAGE,
    podTemplate: POD_TEMPLATE,
    paused: {
      type: 'boolean',
      description: 'While true the operator changes nothing but where clients are sent.',
      default: false,
    },
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.voters) || self.voters <= self.replicas',
      message: 'must not exceed replicas',
      messageExpression: `{1: '1 voter needs', 3: '3 voters need', 5: '5 voters need', 7: '7 voters need'}[self.voters] + ' at least as many replicas'`,
      fieldPath: '.voters',
    },
    {
      rule: '!has(oldSelf.voters) || (has(self.voters) && self.voters == oldSelf.voters)',
      message: 'cannot be changed: the voters of a running cluster are fixed',
      fieldPath: '.voters',
      reason: 'FieldValueForbidden',
    },
    {
      rule: 'self.server.port != self.gateway.port',
      message: 'must differ from gateway.port: both listen in the same pod',
      fieldPath: '.server.port',
    },
  ],
} as const satisfies Schema;
