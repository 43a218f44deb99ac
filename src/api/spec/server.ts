/** The schema of `spec.server`: the MCP server itself. */
import { duration, group, integer, urlPath, type Schema } from '../schema.ts';
import {
  ENVIRONMENT,
  ENVIRONMENT_FROM,
  RESOURCES,
  SECURITY_CONTEXT,
  VOLUME_MOUNTS,
} from './container.ts';
import { freePort } from './ports.ts';
import { KEY_VARIABLE_RULE, REQUEST_STATE_KEY } from './request-state-key.ts';

const words = (description: string) =>
  ({
    type: 'array',
    description,
    maxItems: 128,
    'x-kubernetes-list-type': 'atomic',
    items: { type: 'string', maxLength: 4096 },
  }) as const;

export const SERVER = {
  type: 'object',
  description: 'The MCP server, unmodified: any image that speaks Streamable HTTP, or stdio.',
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
      enum: ['StreamableHTTP', 'Stdio'],
      default: 'StreamableHTTP',
      description:
        'The MCP transport the server speaks. Stdio: a bridge is put before it in its own container, which needs command and an image with glibc.',
    },
    stdio: group('How a server with transport Stdio is run.', {
      processes: {
        type: 'string',
        enum: ['PerSession', 'Shared'],
        default: 'PerSession',
        description:
          'A process for each session, or one for all sessions of a pod; a shared one cannot ask its clients anything.',
      },
      maxProcesses: integer('Sessions of a pod, and so processes, at most.', {
        default: 100,
        minimum: 1,
        maximum: 10_000,
      }),
      idleTimeout: duration('The process of a session nobody uses for this long is ended.', {
        default: '8h',
        min: '1s',
        max: '720h',
      }),
    }),
    port: freePort('Port the server listens on, on the loopback address or on all.', 3000),
    path: urlPath('URL path of its MCP endpoint.', '/mcp'),
    requestStateKey: REQUEST_STATE_KEY,
  },
  'x-kubernetes-validations': [
    {
      rule: "self.transport != 'Stdio' || (has(self.command) && size(self.command) > 0)",
      message: 'is required with transport Stdio: the bridge starts the server by it',
      fieldPath: '.command',
      reason: 'FieldValueRequired',
    },
    KEY_VARIABLE_RULE,
  ],
} as const satisfies Schema;
