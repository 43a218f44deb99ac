/** What the webhook and the issuers of certificates guarantee. */
import type { Requirement } from './requirement.ts';

export const trust = {
  'webhook.refuses': {
    sentence:
      'What does not fit to other objects is refused at apply with path, value, rule and an example, and what may still arrive is a warning',
    source: 'issue 6: webhooks only for cross-object checks; feature bar 1',
  },
  'webhook.same-verdict': {
    sentence:
      'Without the webhook the same is told, in the same words, by a condition of the McpCluster',
    source: 'issue 6: contradictions become a condition with a reason and the field’s path',
  },
  'webhook.down': {
    sentence:
      'While no operator answers, a new spec is refused with a clear message; deletion, finalizers, status, scale and labels go on',
    source: 'issue 6: deletion works while the webhook is down; feature bar 1',
  },
  'webhook.rotation': {
    sentence:
      'The certificate of the webhook and its authority are replaced under a stream of requests without a failed one',
    source: 'issue 6: certificates with rotation; feature bar 6',
  },
  'webhook.garbage': {
    sentence:
      'The webhook answers what is no review with an error that says what to send, and goes on',
    source: 'design: bad input',
  },
  'operator.foreign-account': {
    sentence:
      'No pod is started under a ServiceAccount that is not the cluster’s own, whatever rights that one has',
    source: 'issue 6: least privilege; feature bar 4',
  },
  'issuer.cluster': {
    sentence:
      'A McpCluster that names an issuer waits for it with a condition, gets no authority of its own, and starts when the issuer signs',
    source: 'issue 6: cert-manager as an option; feature bar 6',
  },
  'issuer.signs': {
    sentence:
      'An issuer of cert-manager signs for each pod what the operator has checked: one request a pod, found again by who asks again',
    source: 'issue 6: cert-manager as an option; feature bar 6',
  },
  'issuer.refusals': {
    sentence:
      'What an issuer refuses, leaves out, adds or does not know is not given to any pod, and is told with the field and what to do',
    source: 'issue 6: bad input; cert-manager API reference, CertificateRequest conditions',
  },
  'issuer.authority-overlaps': {
    sentence:
      'When the authority behind an issuer changes, the pods trust the new one before it is used and the old one as long as anything of it is valid',
    source: 'issue 6: overlap rotation of CA and leaves; feature bar 6',
  },
} as const satisfies Record<string, Requirement>;
