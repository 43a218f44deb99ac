/** The environment of a container: literal values, references, and `$(NAME)` expansion, by the rules of Kubernetes. */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from './kinds.ts';
import { decodeBase64, err, ok, parseQuantity, type Result } from '../../std/index.ts';

/** Where referenced objects are looked up; all lie in the pod's namespace. */
export interface EnvironmentSources {
  configMap(name: string): ConfigMap | undefined;
  /** Values in `data` are base64. */
  secret(name: string): Secret | undefined;
}

/** What the node knows about a pod before its status says so. */
export interface PodFacts {
  readonly podIP: string;
  readonly hostIP: string;
}

/** Replaces `$(NAME)`; `$$` is a `$` that expands nothing, an unknown name stays as it is written. */
export function expandReferences(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()\s]+)\)/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (variables.get(name) ?? match),
  );
}

/** The value of a downward API field, or undefined when the path is not supported. */
export function podField(pod: Pod, fieldPath: string, facts: PodFacts): string | undefined {
  const indexed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (indexed !== null)
    return pod.metadata[indexed[1] as 'labels' | 'annotations']?.[indexed[2] as string] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace;
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
    case 'metadata.annotations':
      return Object.entries(
        pod.metadata[fieldPath === 'metadata.labels' ? 'labels' : 'annotations'] ?? {},
      )
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .sort()
        .join('\n');
    case 'spec.nodeName':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    default:
      return undefined;
  }
}

function resourceField(container: Container, resource: string, divisor = '1'): string | undefined {
  const [kind, name] = resource.split('.') as [string, string];
  const source = kind === 'limits' ? container.resources?.limits : container.resources?.requests;
  const amount = parseQuantity(
    String(source?.[name] ?? container.resources?.limits?.[name] ?? '0'),
  );
  const unit = parseQuantity(divisor === '0' ? '1' : divisor);
  return amount === undefined || unit === undefined ? undefined : String(Math.ceil(amount / unit));
}

interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly sources: EnvironmentSources;
  /** Set by the image; the container's own variables replace them. */
  readonly imageEnv?: Readonly<Record<string, string>>;
}

/** Every variable of the container, or a sentence that says which reference cannot be resolved. */
export function containerEnvironment(
  input: EnvironmentInput,
): Result<ReadonlyMap<string, string>, string> {
  const variables = new Map(Object.entries(input.imageEnv ?? {}));
  for (const from of input.container.envFrom ?? []) {
    const problem = addAll(variables, from, input.sources);
    if (problem !== undefined) return err(problem);
  }
  for (const variable of input.container.env ?? []) {
    const value = valueOf(variable, input, variables);
    if (!value.ok) return value;
    if (value.value !== undefined) variables.set(variable.name, value.value);
  }
  return ok(variables);
}

function addAll(
  variables: Map<string, string>,
  from: NonNullable<Container['envFrom']>[number],
  sources: EnvironmentSources,
): string | undefined {
  const { prefix = '', configMapRef, secretRef } = from;
  if (configMapRef !== undefined) {
    const found = sources.configMap(configMapRef.name ?? '');
    if (found === undefined)
      return configMapRef.optional === true
        ? undefined
        : `configmap "${configMapRef.name}" not found`;
    for (const [key, value] of Object.entries(found.data ?? {})) variables.set(prefix + key, value);
  }
  if (secretRef !== undefined) {
    const found = sources.secret(secretRef.name ?? '');
    if (found === undefined)
      return secretRef.optional === true ? undefined : `secret "${secretRef.name}" not found`;
    for (const [key, value] of Object.entries(found.data ?? {}))
      variables.set(prefix + key, decodeBase64(value));
  }
  return undefined;
}

function valueOf(
  variable: EnvVar,
  input: EnvironmentInput,
  variables: ReadonlyMap<string, string>,
): Result<string | undefined, string> {
  const { pod, container, facts, sources } = input;
  const from = variable.valueFrom;
  if (from === undefined) return ok(expandReferences(variable.value ?? '', variables));
  if (from.fieldRef !== undefined) {
    const value = podField(pod, from.fieldRef.fieldPath, facts);
    return value === undefined ? err(`unsupported field ${from.fieldRef.fieldPath}`) : ok(value);
  }
  if (from.resourceFieldRef !== undefined) {
    const { resource, divisor } = from.resourceFieldRef;
    const value = resourceField(container, resource, divisor);
    return value === undefined ? err(`unsupported resource field ${resource}`) : ok(value);
  }
  const { configMapKeyRef, secretKeyRef } = from;
  if (configMapKeyRef !== undefined) {
    const value = sources.configMap(configMapKeyRef.name ?? '')?.data?.[configMapKeyRef.key];
    return foundOr(
      value,
      `key ${configMapKeyRef.key} of configmap "${configMapKeyRef.name}"`,
      configMapKeyRef.optional,
    );
  }
  if (secretKeyRef !== undefined) {
    const value = sources.secret(secretKeyRef.name ?? '')?.data?.[secretKeyRef.key];
    const text = value === undefined ? undefined : decodeBase64(value);
    return foundOr(
      text,
      `key ${secretKeyRef.key} of secret "${secretKeyRef.name}"`,
      secretKeyRef.optional,
    );
  }
  return ok(undefined);
}

function foundOr(
  value: string | undefined,
  what: string,
  optional = false,
): Result<string | undefined, string> {
  return value === undefined && !optional ? err(`${what} not found`) : ok(value);
}
