/** The schema of `spec.server.requestStateKey`: a key that the servers of all pods share. */
import { optionalDuration, type Schema, type ValidationRule } from '../schema.ts';

const variableName = (description: string) =>
  ({
    type: 'string',
    description,
    maxLength: 128,
    'x-kubernetes-validations': [
      {
        rule: "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
        message: 'must be the name of an environment variable',
        messageExpression: `'"' + self + '" is not the name of an environment variable'`,
      },
    ],
  }) as const;

export const REQUEST_STATE_KEY = {
  type: 'object',
  description:
    'A key that the servers of all pods share, for those that sign what a client brings back to any of them (requestState of multi-round-trip requests). The operator makes it, keeps it in the Secret <name>-request-state, and replaces it when the annotation mcpcluster.io/rotate-request-state-key of the McpCluster changes.',
  required: ['env'],
  properties: {
    env: variableName('Environment variable of the server that holds the key.'),
    acceptedEnv: variableName(
      'For servers that check with two keys: the variable that holds the second one. A rotation then fails no request: every pod accepts the next key before any signs with it.',
    ),
    rotationInterval: optionalDuration('How often the key is replaced; never when left out.', {
      min: '1h',
      max: '8760h',
    }),
  },
  'x-kubernetes-validations': [
    {
      rule: '!has(self.acceptedEnv) || self.acceptedEnv != self.env',
      message: 'must differ from env',
      messageExpression: `'"' + self.env + '" holds the key already: the second one needs another variable'`,
      fieldPath: '.acceptedEnv',
    },
  ],
} as const satisfies Schema;

/** Stands on the server. */
export const KEY_VARIABLE_RULE = {
  rule: '!has(self.env) || !has(self.requestStateKey) || !self.env.exists(own, own.name == self.requestStateKey.env || (has(self.requestStateKey.acceptedEnv) && own.name == self.requestStateKey.acceptedEnv))',
  message: 'names a variable that server.env sets, too',
  fieldPath: '.requestStateKey',
} as const satisfies ValidationRule;
