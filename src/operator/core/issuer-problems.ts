/** What is wrong with the issuer that a spec names, each with the path of its field. */
import type { McpCluster } from '../../api/index.ts';
import { unreachable } from '../../std/index.ts';
import type { ReconcileProblem } from './conditions.ts';

/** What was looked up about `spec.tls.issuerRef`. */
export interface IssuerFacts {
  /** Unknown: the operator may not look, or was not answered. */
  readonly state: 'Ready' | 'NotReady' | 'Missing' | 'NotInstalled' | 'Unknown';
  /** What the issuer says of itself when it is not ready. */
  readonly says?: string | undefined;
  /** Requests of the cluster's pods that came to nothing, each with its sentence. */
  readonly refused: readonly ReconcileProblem[];
}

export const NOT_INSTALLED =
  'spec.tls.issuerRef: the API server knows no cert-manager.io/v1; install cert-manager, or leave the field out';

export function issuerProblems(
  { metadata, spec }: McpCluster,
  facts: IssuerFacts | undefined,
): readonly ReconcileProblem[] {
  const { issuerRef } = spec.tls;
  if (issuerRef === undefined || facts === undefined) return [];
  const { kind, name } = issuerRef;
  const where = kind === 'Issuer' ? ` in namespace ${metadata.namespace}` : '';
  const waits = 'pods that have no certificate yet wait for it';
  switch (facts.state) {
    case 'NotInstalled':
      return [{ reason: 'IssuerNotInstalled', message: NOT_INSTALLED }];
    case 'Missing': {
      const other = kind === 'Issuer' ? 'ClusterIssuer' : 'Issuer';
      const message = `spec.tls.issuerRef.name: ${JSON.stringify(name)}: there is no ${kind} ${name}${where}; ${waits}; make it, or set kind, such as ${other}`;
      return [{ reason: 'IssuerMissing', message }];
    }
    case 'NotReady': {
      const message = `spec.tls.issuerRef.name: ${JSON.stringify(name)}: ${kind} ${name}${where} is not ready: ${facts.says ?? 'it does not say why'}; ${waits}`;
      return [{ reason: 'IssuerNotReady', message }, ...facts.refused];
    }
    case 'Ready':
    case 'Unknown':
      return facts.refused;
    default:
      return unreachable(facts.state);
  }
}
