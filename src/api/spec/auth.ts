/** The schema of `spec.gateway.auth`: who may call, and what. */
import { flag, group, httpsUrl, names, type Schema } from '../schema.ts';
import { POLICY_NAME, tenantNames, toolPatterns } from './request-match.ts';

const claim = <const D extends string>(description: string, byDefault: D) =>
  ({ type: 'string', description, default: byDefault, minLength: 1, maxLength: 256 }) as const;

const audiences = names(
  'Audiences, one of which a token must be made for: tokens that others were given for other services are worth nothing here.',
  { min: 1, max: 16, lengthMax: 1024 },
);

const objectName = (description: string) =>
  ({ type: 'string', description, minLength: 1, maxLength: 253 }) as const;

const TOKEN_FILE = {
  type: 'object',
  description: 'Tokens in a Secret; a change reaches the pods within about a minute.',
  required: ['secretKeyRef'],
  properties: {
    secretKeyRef: {
      type: 'object',
      description:
        'Where they are: a text with a line for each token: the token, the tenant, groups separated by commas, a name; the last two may be left out.',
      required: ['name', 'key'],
      'x-kubernetes-map-type': 'atomic',
      properties: {
        name: objectName('Name of the Secret in the namespace of the McpCluster.'),
        key: {
          ...objectName('The key to read.'),
          'x-kubernetes-validations': [
            {
              rule: "self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')",
              message: 'must be a key of a Secret: a-z, A-Z, 0-9, -, _ and .',
              messageExpression: `'"' + self + '" is not a key of a Secret: a-z, A-Z, 0-9, -, _ and .'`,
            },
          ],
        },
      },
    },
  },
} as const satisfies Schema;

const JWT = {
  type: 'object',
  description: 'Signed tokens of an identity provider.',
  required: ['issuer', 'jwksUri', 'audiences'],
  properties: {
    issuer: httpsUrl('The issuer that a token must name.'),
    jwksUri: httpsUrl('Where its public keys are.'),
    ca: {
      type: 'string',
      description:
        'Certificates (PEM) of the authority that the server of the keys must be signed by; one that everybody trusts when left out.',
      maxLength: 65_536,
      'x-kubernetes-validations': [
        {
          rule: "self.contains('-----BEGIN CERTIFICATE-----')",
          message: 'must be certificates in PEM: -----BEGIN CERTIFICATE-----',
        },
      ],
    },
    audiences,
    tenantClaim: claim('Claim that names the tenant.', 'sub'),
    groupsClaim: claim('Claim that holds the groups.', 'groups'),
  },
} as const satisfies Schema;

const TOKEN_REVIEW = {
  type: 'object',
  description:
    "Tokens of Kubernetes' service accounts, judged by the API server. The service account of the cluster (named as the McpCluster) needs the ClusterRole system:auth-delegator, which an administrator binds to it.",
  required: ['audiences'],
  properties: { audiences },
} as const satisfies Schema;

const PROVIDERS = {
  type: 'array',
  description:
    'Who knows the tokens of callers, asked in this order; the first that knows one decides. Without any, everybody may call.',
  default: [],
  maxItems: 8,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { ...POLICY_NAME, description: 'Its name, which no other provider has.' },
      tokenFile: TOKEN_FILE,
      jwt: JWT,
      tokenReview: TOKEN_REVIEW,
    },
    'x-kubernetes-validations': [
      {
        rule: '[has(self.tokenFile), has(self.jwt), has(self.tokenReview)].filter(given, given).size() == 1',
        message: 'needs exactly one of tokenFile, jwt and tokenReview',
      },
    ],
  },
} as const satisfies Schema;

const RULES = {
  type: 'array',
  description:
    'Who may call which tools; the first that fits decides. Without any, whoever is known may call all; with some, what none allows is denied.',
  default: [],
  maxItems: 64,
  'x-kubernetes-list-type': 'atomic',
  items: {
    type: 'object',
    required: ['tools'],
    properties: {
      tools: toolPatterns('Names of tools; * ends the beginning of one, and alone means all.'),
      tenants: tenantNames('Only these tenants.'),
      groups: names('Only members of one of these groups.', { min: 1, max: 64, lengthMax: 256 }),
      scopes: names('Only tokens with all of these scopes.', { min: 1, max: 32, lengthMax: 256 }),
      effect: {
        type: 'string',
        enum: ['Allow', 'Deny'],
        default: 'Allow',
        description: 'What it decides.',
      },
    },
  },
} as const satisfies Schema;

const PROTECTED_RESOURCE = {
  type: 'object',
  description:
    'Metadata by which a client finds out where to get a token (RFC 9728), at /.well-known/oauth-protected-resource.',
  required: ['resource', 'authorizationServers'],
  properties: {
    resource: httpsUrl('URL of this cluster as its clients know it.'),
    authorizationServers: {
      type: 'array',
      description: 'Issuers of its tokens.',
      minItems: 1,
      maxItems: 16,
      'x-kubernetes-list-type': 'atomic',
      items: httpsUrl('URL of an issuer.'),
    },
    scopes: {
      ...names('Scopes a client may ask for.', { max: 64, lengthMax: 256 }),
      default: [],
    },
  },
} as const satisfies Schema;

export const AUTH = group(
  'Who may call, and what.',
  {
    providers: PROVIDERS,
    rules: RULES,
    forwardToken: flag(
      'Whether the MCP server sees the Authorization header; gateway and server have one audience.',
      true,
    ),
    protectedResource: PROTECTED_RESOURCE,
  },
  [
    {
      rule: 'self.rules.size() == 0 || self.providers.size() > 0',
      message: 'needs at least one entry in providers: without one nobody can be told apart',
      fieldPath: '.rules',
    },
    {
      rule: '!has(self.protectedResource) || self.providers.size() > 0',
      message: 'needs at least one entry in providers: without one no token is asked for',
      fieldPath: '.protectedResource',
    },
  ],
);
