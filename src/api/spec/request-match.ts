/** The schema of whom a bulkhead or a rate limit is about. */
import { names, type Schema } from '../schema.ts';

const TOOL_RULE = {
  'x-kubernetes-validations': [
    {
      rule: "self.matches('^[^*]*[*]?$')",
      message: 'must be the name of a tool; a * may only stand at its end',
      messageExpression: `'"' + self + '" is not the name of a tool: a * may only stand at its end'`,
    },
  ],
} as const;

/** Name of a tool, or the beginning of names before a `*`. */
export function toolPattern(description: string) {
  return { type: 'string', description, minLength: 1, maxLength: 256, ...TOOL_RULE } as const;
}

/** Names of tools, or beginnings of names before a `*`. */
export function toolPatterns(description: string) {
  return names(description, { min: 1, max: 64, lengthMax: 256 }, TOOL_RULE);
}

/** Names of tenants. */
export function tenantNames(description: string) {
  return names(description, { min: 1, max: 64, lengthMax: 256 });
}

export const MATCH = {
  type: 'object',
  description: 'The requests it is about; a list that is left out means all.',
  default: {},
  properties: {
    methods: names('Methods of MCP, such as tools/call.', { min: 1, max: 32, lengthMax: 128 }),
    tools: toolPatterns('Names of tools; * ends the beginning of one.'),
    tenants: tenantNames('Tenants, as the providers of gateway.auth name them.'),
  },
  'x-kubernetes-validations': [
    {
      rule: "!has(self.tools) || !has(self.methods) || 'tools/call' in self.methods",
      message: 'names no tools/call, so that tools can never match',
      fieldPath: '.methods',
    },
  ],
} as const satisfies Schema;

/** Whether there is one compartment or counter for all, or one for each. */
export const PER = {
  type: 'string',
  enum: ['All', 'Tool', 'Tenant', 'Session'],
  default: 'All',
  description: 'One for all requests that match, or one for each tool, tenant or session.',
} as const satisfies Schema;

export const POLICY_NAME = {
  type: 'string',
  description: 'Its name in metrics, logs and refusals.',
  minLength: 1,
  maxLength: 63,
  'x-kubernetes-validations': [
    {
      rule: "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",
      message: 'must hold only a-z, 0-9 and -, and neither begin nor end with -',
      messageExpression: `'"' + self + '" must hold only a-z, 0-9 and -, and neither begin nor end with -'`,
    },
  ],
} as const satisfies Schema;
