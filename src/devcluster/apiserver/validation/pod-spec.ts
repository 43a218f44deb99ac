/** Rules of a pod's spec that manifests trip on: names, ports, images, mounts. */
import type { FieldProblem } from '../../schema/index.ts';
import { asObject, asObjects, asText, isObject, type JsonObject } from '../json.ts';
import { problem } from '../strategy.ts';
import { checkLabel, checkPortName } from './names.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

/** Problems of a pod's spec at `field`; `moreVolumes` names volumes that come from elsewhere. */
export function validatePodSpec(
  spec: JsonObject,
  field: string,
  moreVolumes: readonly string[] = [],
): FieldProblem[] {
  const volumes = asObjects(spec['volumes']);
  const volumeNames = new Set([...moreVolumes, ...volumes.map((one) => asText(one['name']))]);
  const context: Context = { volumeNames, containerNames: new Set() };
  const containers = asObjects(spec['containers']);
  return [
    ...volumes.flatMap((one, index) => validateVolume(one, `${field}.volumes[${index}]`)),
    ...duplicates(volumes, `${field}.volumes`),
    ...(containers.length === 0 ? [problem.required(`${field}.containers`)] : []),
    ...containers.flatMap((one, index) =>
      validateContainer(one, `${field}.containers[${index}]`, context),
    ),
    ...asObjects(spec['initContainers']).flatMap((one, index) =>
      validateContainer(one, `${field}.initContainers[${index}]`, context),
    ),
    ...oneOf(spec['restartPolicy'], RESTART_POLICIES, `${field}.restartPolicy`),
    ...oneOf(spec['dnsPolicy'], DNS_POLICIES, `${field}.dnsPolicy`),
  ];
}

interface Context {
  readonly volumeNames: ReadonlySet<string>;
  /** Names seen so far: unique over all kinds of containers. */
  readonly containerNames: Set<string>;
}

function validateContainer(container: JsonObject, field: string, context: Context): FieldProblem[] {
  const name = asText(container['name']);
  const problems: FieldProblem[] = [];
  if (name === '') problems.push(problem.required(`${field}.name`));
  else problems.push(...named(`${field}.name`, name, checkLabel(name)));
  if (name !== '' && context.containerNames.has(name)) {
    problems.push(problem.duplicate(`${field}.name`, name));
  }
  context.containerNames.add(name);
  const image = asText(container['image']);
  if (image === '') problems.push(problem.required(`${field}.image`));
  else if (image !== image.trim()) {
    problems.push(
      problem.invalid(`${field}.image`, image, 'must not have leading or trailing whitespace'),
    );
  }
  return [
    ...problems,
    ...oneOf(container['imagePullPolicy'], PULL_POLICIES, `${field}.imagePullPolicy`),
    ...asObjects(container['ports']).flatMap((one, index) =>
      validatePort(one, `${field}.ports[${index}]`),
    ),
    ...asObjects(container['env']).flatMap((one, index) =>
      asText(one['name']) === '' ? [problem.required(`${field}.env[${index}].name`)] : [],
    ),
    ...validateMounts(container, field, context),
    ...validateRestartPolicy(container, field),
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) =>
      validateProbe(container[probe], `${field}.${probe}`),
    ),
  ];
}

function validatePort(port: JsonObject, field: string): FieldProblem[] {
  const name = asText(port['name']);
  const number = port['containerPort'];
  const problems = name === '' ? [] : named(`${field}.name`, name, checkPortName(name));
  if (number === undefined || number === 0)
    problems.push(problem.required(`${field}.containerPort`));
  else problems.push(...portNumber(number, `${field}.containerPort`));
  return [...problems, ...oneOf(port['protocol'], PROTOCOLS, `${field}.protocol`)];
}

/** 1 to 65535. */
export function portNumber(value: unknown, field: string): FieldProblem[] {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535)
    return [];
  return [problem.invalid(field, value, 'must be between 1 and 65535, inclusive')];
}

function validateMounts(container: JsonObject, field: string, context: Context): FieldProblem[] {
  return asObjects(container['volumeMounts']).flatMap((mount, index) => {
    const place = `${field}.volumeMounts[${index}]`;
    const name = asText(mount['name']);
    const problems: FieldProblem[] = [];
    if (name === '') problems.push(problem.required(`${place}.name`));
    else if (!context.volumeNames.has(name)) {
      problems.push({
        field: `${place}.name`,
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(name)}`,
        value: name,
      });
    }
    if (asText(mount['mountPath']) === '') problems.push(problem.required(`${place}.mountPath`));
    return problems;
  });
}

function validateRestartPolicy(container: JsonObject, field: string): FieldProblem[] {
  const policy = container['restartPolicy'];
  if (policy === undefined) return [];
  return oneOf(policy, RESTART_POLICIES, `${field}.restartPolicy`);
}

const HANDLERS = ['exec', 'grpc', 'httpGet', 'tcpSocket'];

function validateProbe(probe: unknown, field: string): FieldProblem[] {
  if (!isObject(probe)) return [];
  const handlers = HANDLERS.filter((one) => isObject(probe[one]));
  if (handlers.length === 0) return [problem.required(field, 'must specify a handler type')];
  const [first = '', ...others] = handlers;
  const many = others.map((one) =>
    problem.forbidden(`${field}.${one}`, 'may not specify more than 1 handler type'),
  );
  const port = asObject(probe[first])['port'];
  const checked =
    first === 'exec' || typeof port === 'string' ? [] : portNumber(port, `${field}.${first}.port`);
  return [...many, ...checked];
}

function validateVolume(volume: JsonObject, field: string): FieldProblem[] {
  const name = asText(volume['name']);
  if (name === '') return [problem.required(`${field}.name`)];
  return named(`${field}.name`, name, checkLabel(name));
}

function duplicates(items: readonly JsonObject[], field: string): FieldProblem[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const name = asText(item['name']);
    const again = name !== '' && seen.has(name);
    seen.add(name);
    return again ? [problem.duplicate(`${field}[${index}].name`, name)] : [];
  });
}

function oneOf(value: unknown, values: readonly string[], field: string): FieldProblem[] {
  if (value === undefined || values.includes(asText(value))) return [];
  return [problem.notSupported(field, value, values)];
}

function named(field: string, value: string, sentences: readonly string[]): FieldProblem[] {
  return sentences.map((sentence) => problem.invalid(field, value, sentence));
}
