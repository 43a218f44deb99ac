/** The schema of `spec.gateway`: what clients of the cluster meet. */
import { duration, group, integer, urlPath } from '../schema.ts';
import { RATE_LIMITS } from './admission.ts';
import { AUTH } from './auth.ts';
import { freePort } from './ports.ts';

export const GATEWAY = group('What clients of the cluster meet.', {
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
    items: {
      type: 'string',
      minLength: 1,
      maxLength: 300,
      'x-kubernetes-validations': [
        {
          rule: "self.matches('^([a-zA-Z0-9._-]+|[[][0-9a-fA-F:.]+[]])(:[0-9]+)?$')",
          message: 'must be a host, with a port or without, such as tools.example.com',
          messageExpression: `'"' + self + '" is not a host such as tools.example.com or tools.example.com:8080'`,
        },
      ],
    },
  },
  limits: group(
    'Limits of one request or session. Beside them: an SSE event of the server may have 64 Mi characters, an answer that the gateway has to read (a list, a batch) 64 MiB; what is longer is answered with the JSON-RPC error -31007.',
    {
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
    },
  ),
  requestTimeout: duration('How long a request may take, whatever its client would wait.', {
    default: '1h',
    min: '100ms',
    max: '24h',
  }),
  rateLimits: RATE_LIMITS,
  auth: AUTH,
});
