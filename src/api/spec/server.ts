/** The schema of `spec.server`: the MCP server itself. */
import { urlPath, type Schema } from '../schema.ts';
import {
  ENVIRONMENT,
  ENVIRONMENT_FROM,
  RESOURCES,
  SECURITY_CONTEXT,
  VOLUME_MOUNTS,
} from './container.ts';
import { freePort } from './ports.ts';

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
