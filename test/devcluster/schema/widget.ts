/** A custom resource that uses every part of a schema: the subject of these tests. */
export const WIDGET = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: {
      plural: 'widgets',
      singular: 'widget',
      kind: 'Widget',
      shortNames: ['wg'],
      categories: ['all'],
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
          {
            name: 'Ready',
            type: 'string',
            jsonPath: '.status.conditions[?(@.type=="Ready")].status',
          },
          { name: 'Names', type: 'string', jsonPath: '.spec.ports[*].name', priority: 1 },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            'x-kubernetes-validations': [
              { rule: 'self.metadata.name.size() < 30', message: 'name too long' },
            ],
            properties: {
              spec: {
                type: 'object',
                required: ['image'],
                'x-kubernetes-validations': [
                  {
                    rule: '!has(self.voters) || self.voters <= self.replicas',
                    message: 'voters must not exceed replicas',
                    fieldPath: '.voters',
                    reason: 'FieldValueInvalid',
                  },
                  {
                    rule: '!has(self.voters) || self.voters % 2 == 1',
                    messageExpression: "'voters must be ' + 'odd'",
                  },
                  { rule: "!has(self.cpu) || quantity(self.cpu).isGreaterThan(quantity('100m'))" },
                  {
                    rule: "!has(self.wait) || duration(self.wait) >= duration('1s')",
                    message: 'wait too short',
                  },
                ],
                properties: {
                  image: { type: 'string', minLength: 1, maxLength: 20 },
                  replicas: {
                    type: 'integer',
                    format: 'int32',
                    minimum: 1,
                    maximum: 9,
                    default: 3,
                  },
                  voters: { type: 'integer' },
                  cpu: { type: 'string' },
                  wait: { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$' },
                  wait2: { type: 'string', format: 'duration' },
                  when: { type: 'string', format: 'date-time' },
                  mode: { type: 'string', enum: ['A', 'B'], default: 'A' },
                  on: { type: 'boolean' },
                  ratio: { type: 'number', minimum: 0, maximum: 1, exclusiveMaximum: true },
                  step: { type: 'integer', multipleOf: 5 },
                  immutable: {
                    type: 'string',
                    'x-kubernetes-validations': [
                      { rule: 'self == oldSelf', message: 'is immutable' },
                    ],
                  },
                  port: { 'x-kubernetes-int-or-string': true },
                  tags: {
                    type: 'array',
                    'x-kubernetes-list-type': 'set',
                    items: { type: 'string' },
                    maxItems: 3,
                    minItems: 1,
                  },
                  atoms: { type: 'array', items: { type: 'string' } },
                  ports: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['port', 'protocol'],
                    items: {
                      type: 'object',
                      required: ['port'],
                      'x-kubernetes-validations': [{ rule: 'self.port != 13', message: 'unlucky' }],
                      properties: {
                        port: { type: 'integer' },
                        protocol: { type: 'string', default: 'TCP' },
                        name: { type: 'string' },
                      },
                    },
                  },
                  labels: {
                    type: 'object',
                    additionalProperties: { type: 'string', maxLength: 5 },
                    maxProperties: 2,
                  },
                  sel: {
                    type: 'object',
                    'x-kubernetes-map-type': 'atomic',
                    properties: { a: { type: 'string' }, b: { type: 'string' } },
                  },
                  free: {
                    type: 'object',
                    'x-kubernetes-preserve-unknown-fields': true,
                    properties: { known: { type: 'integer' } },
                  },
                  nil: { type: 'string', nullable: true },
                  nildef: { type: 'string', nullable: true, default: 'x' },
                  nest: {
                    type: 'object',
                    default: {},
                    properties: {
                      deep: { type: 'integer', default: 7 },
                      other: { type: 'string' },
                    },
                  },
                  one: {
                    type: 'object',
                    properties: { x: { type: 'integer' }, z: { type: 'integer' } },
                    oneOf: [{ required: ['x'] }, { required: ['z'] }],
                  },
                  any: {
                    type: 'object',
                    properties: { x: { type: 'integer' }, z: { type: 'integer' } },
                    anyOf: [{ required: ['x'] }, { required: ['z'] }],
                  },
                  tmpl: {
                    type: 'object',
                    'x-kubernetes-embedded-resource': true,
                    'x-kubernetes-preserve-unknown-fields': true,
                  },
                },
              },
              status: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer' },
                  conditions: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                    items: {
                      type: 'object',
                      required: ['type'],
                      properties: { type: { type: 'string' }, status: { type: 'string' } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
} as const;
