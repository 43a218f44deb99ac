/** The schema of `spec.tls`: who signs the certificates of a cluster's pods, and how long they last. */
import { celIsDuration, duration, group } from '../schema.ts';

const [lasts, early] = ['self.certificateDuration', 'self.renewBefore'];
const bothParse = `${celIsDuration(lasts)} && ${celIsDuration(early)}`;

/** Reference to an issuer of cert-manager, named as its own resources name it. */
const ISSUER_REF = {
  type: 'object',
  description:
    "Issuer of cert-manager that signs instead of the cluster's own authority. It must take over the names that are asked for, and give its CA, as CA issuers and Vault do.",
  required: ['name'],
  properties: {
    name: { type: 'string', description: 'Name of the issuer.', minLength: 1, maxLength: 253 },
    kind: {
      type: 'string',
      enum: ['Issuer', 'ClusterIssuer'],
      default: 'Issuer',
      description: "Issuer is one of the cluster's own namespace.",
    },
    group: {
      type: 'string',
      enum: ['cert-manager.io'],
      default: 'cert-manager.io',
      description: 'API group of the issuer.',
    },
  },
} as const;

export const TLS = group(
  'Certificates of the pods, by which they know each other. Every pod makes its own key and renews by itself, without a restart.',
  {
    issuerRef: ISSUER_REF,
    certificateDuration: duration('How long a certificate is valid.', {
      default: '2160h',
      min: '1h',
      max: '8760h',
    }),
    renewBefore: duration('How long before its end a certificate is renewed.', {
      default: '720h',
      min: '5m',
      max: '8700h',
    }),
  },
  [
    {
      rule: `!(${bothParse}) || duration(${early}) < duration(${lasts})`,
      message:
        'must be shorter than certificateDuration, such as a third of it: a certificate would be renewed for ever',
      fieldPath: '.renewBefore',
    },
  ],
);
