/** What is wrong with a spec that no API server can see when it is applied: each with the path of its field. */
import { CAPABILITIES_ANNOTATION, type McpCluster } from '../../api/index.ts';
import { tokenReviewField, tokenSecrets } from './auth-volumes.ts';
import type { ReconcileProblem } from './conditions.ts';
import { issuerProblems, type IssuerFacts } from './issuer-problems.ts';
import type { SidecarReport } from './report.ts';
import { sharedBackups } from './shared-backups.ts';
import type { Pod } from './shapes.ts';

/** What was looked up for a spec. */
export interface SpecFacts {
  /** Which of `tokenSecrets` lack their Secret or their key, as `name/key`. */
  readonly missingSecretKeys: ReadonlySet<string>;
  /** Whether the sidecars may ask the API server about tokens; undefined: not known, or not needed. */
  readonly mayReviewTokens: boolean | undefined;
  /** Undefined when the spec names no issuer. */
  readonly issuer: IssuerFacts | undefined;
}

export interface SpecProblemInput extends SpecFacts {
  /** All clusters there are. */
  readonly others: readonly McpCluster[];
  readonly pods: readonly Pod[];
  /** By pod name. */
  readonly reports: ReadonlyMap<string, SidecarReport>;
}

/** All of them as one problem, so that whoever mends one sees the next at once. */
export function specProblem(
  cluster: McpCluster,
  input: SpecProblemInput,
): ReconcileProblem | undefined {
  const problems = [
    ...sharedBackups(cluster, input.others),
    ...referenceProblems(cluster, input),
    ...missingCapabilities(cluster, input),
    ...unknownTools(cluster, input),
    ...unusablePolicies(input),
  ];
  const [first] = problems;
  return (
    first && { reason: first.reason, message: problems.map(({ message }) => message).join(' | ') }
  );
}

/** What the spec refers to and is not there: other objects may arrive later. */
export function referenceProblems(
  cluster: McpCluster,
  facts: SpecFacts,
): readonly ReconcileProblem[] {
  return [
    ...missingSecrets(cluster, facts),
    ...forbiddenReview(cluster, facts),
    ...issuerProblems(cluster, facts.issuer),
  ];
}

function missingSecrets(
  cluster: McpCluster,
  { missingSecretKeys }: SpecFacts,
): readonly ReconcileProblem[] {
  return tokenSecrets(cluster)
    .filter(({ name, key }) => missingSecretKeys.has(`${name}/${key}`))
    .map(({ name, key, field }) => ({
      reason: 'SecretMissing',
      message: `${field}: there is no Secret ${name} with a key ${key}; nobody is known by it`,
    }));
}

function forbiddenReview(
  cluster: McpCluster,
  { mayReviewTokens }: SpecFacts,
): readonly ReconcileProblem[] {
  const field = tokenReviewField(cluster);
  if (field === undefined || mayReviewTokens !== false) return [];
  const { namespace, name } = cluster.metadata;
  const message =
    `${field}: service account ${namespace}/${name} may not create TokenReviews; an administrator lets it by ` +
    `kubectl create clusterrolebinding ${namespace}-${name}-token-review --clusterrole=system:auth-delegator --serviceaccount=${namespace}:${name}`;
  return [{ reason: 'TokenReviewForbidden', message }];
}

function missingCapabilities(
  { spec }: McpCluster,
  { pods }: SpecProblemInput,
): readonly ReconcileProblem[] {
  if (pods.length === 0) return [];
  const labels = pods.map((pod) => labelsOf(pod));
  return spec.loadBalancing.capabilities.flatMap(({ tool, requires }, index) =>
    labels.some((own) => requires.every((label) => own.has(label)))
      ? []
      : [
          {
            reason: 'CapabilityMissing' as const,
            message: `spec.loadBalancing.capabilities[${index}].requires: no pod has ${requires.join(' and ')} in its annotation ${CAPABILITIES_ANNOTATION}; calls of ${tool} are refused`,
          },
        ],
  );
}

function labelsOf({ metadata }: Pod): ReadonlySet<string> {
  const text = metadata.annotations?.[CAPABILITIES_ANNOTATION] ?? '';
  return new Set(text.split(',').map((label) => label.trim()));
}

/** The server of each pod may list other tools; one that any of them lists is known. */
function unknownTools(
  cluster: McpCluster,
  { reports }: SpecProblemInput,
): readonly ReconcileProblem[] {
  const lists = [...reports.values()].flatMap((report) => {
    const backend = report.kind === 'answered' ? report.status.backend : null;
    return backend?.toolsKnown === true ? [backend.tools ?? []] : [];
  });
  if (lists.length === 0) return [];
  const tools = [...new Set(lists.flat())];
  return namedTools(cluster)
    .filter(({ pattern }) => !tools.some((tool) => names(pattern, tool)))
    .map(({ field, pattern }) => ({
      reason: 'UnknownTool',
      message: `${field}: the server lists no tool ${JSON.stringify(pattern)}; it lists ${someOf(tools)}`,
    }));
}

/** What members say of the policies they have; all have the same. */
function unusablePolicies({ reports }: SpecProblemInput): readonly ReconcileProblem[] {
  const messages = [...reports.values()].flatMap((report) =>
    report.kind === 'answered'
      ? (report.status.policyProblems ?? []).map(
          ({ field, sentence }) => `${specPath(field)}: ${sentence}`,
        )
      : [],
  );
  return [...new Set(messages)]
    .sort()
    .map((message) => ({ reason: 'PolicyUnusable' as const, message }));
}

/** Where the spec has what the policies have at `field`. */
function specPath(field: string): string {
  return field.startsWith('rateLimits') ? `spec.gateway.${field}` : `spec.${field}`;
}

const SHOWN_MAX = 10;

function someOf(tools: readonly string[]): string {
  if (tools.length === 0) return 'none';
  const shown = tools.slice(0, SHOWN_MAX).join(', ');
  return tools.length > SHOWN_MAX ? `${shown} and ${tools.length - SHOWN_MAX} more` : shown;
}

/** As the gateway reads it: a `*` ends the beginning of names. */
function names(pattern: string, tool: string): boolean {
  return pattern.endsWith('*') ? tool.startsWith(pattern.slice(0, -1)) : pattern === tool;
}

interface NamedTool {
  readonly field: string;
  readonly pattern: string;
}

/** Every tool that the spec names, with the field that does; a lone `*` names none. */
export function namedTools({ spec }: McpCluster): readonly NamedTool[] {
  const { loadBalancing, gateway, bulkheads } = spec;
  const each = (field: string, patterns: readonly string[] = []): readonly NamedTool[] =>
    patterns.map((pattern, index) => ({ field: `${field}[${index}]`, pattern }));
  return [
    ...bulkheads.flatMap(({ match }, index) =>
      each(`spec.bulkheads[${index}].match.tools`, match.tools),
    ),
    ...gateway.rateLimits.flatMap(({ match }, index) =>
      each(`spec.gateway.rateLimits[${index}].match.tools`, match.tools),
    ),
    ...gateway.auth.rules.flatMap(({ tools }, index) =>
      each(`spec.gateway.auth.rules[${index}].tools`, tools),
    ),
    ...loadBalancing.capabilities.map(({ tool }, index) => ({
      field: `spec.loadBalancing.capabilities[${index}].tool`,
      pattern: tool,
    })),
    ...loadBalancing.stateHandles.flatMap(({ tool }, index) =>
      tool === undefined
        ? []
        : [{ field: `spec.loadBalancing.stateHandles[${index}].tool`, pattern: tool }],
    ),
  ].filter(({ pattern }) => pattern !== '*');
}
