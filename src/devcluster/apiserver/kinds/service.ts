/** Services: cluster addresses and node ports are given out here; endpoints must be addresses of other machines. */
import { isIPv4, isIPv6 } from 'node:net';
import { integerBetween } from '../../../std/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import {
  asObject,
  asObjects,
  asText,
  child,
  clone,
  equal,
  specOf,
  type JsonObject,
} from '../json.ts';
import { createStrategy, problem, type StrategyContext } from '../strategy.ts';
import { validateLabels } from '../validation/metadata.ts';
import { checkLabel } from '../validation/names.ts';
import { portNumber } from '../validation/pod-spec.ts';

/** 10.96.0.0/16; the first address is the API's own. */
const NETWORK = '10.96';
const NODE_PORTS = { min: 30_000, max: 32_767 };
const TRIES_MAX = 10_000;

const hasClusterIp = (spec: JsonObject): boolean => spec['type'] !== 'ExternalName';
const hasNodePorts = (spec: JsonObject): boolean =>
  spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer';

function taken(context: StrategyContext): { addresses: Set<string>; nodePorts: Set<number> } {
  const listed = context.store.list('services');
  const specs = (listed.ok ? listed.value.items : []).map(specOf);
  const ports = specs.flatMap((spec) =>
    asObjects(spec['ports']).map((port) => Number(port['nodePort'] ?? 0)),
  );
  return {
    addresses: new Set(specs.map((spec) => asText(spec['clusterIP']))),
    nodePorts: new Set(ports),
  };
}

/** Gives the Service what it does not have yet: an address, families, node ports. */
function allocate(service: StoredObject, context: StrategyContext): void {
  const spec = child(service, 'spec');
  if (!hasClusterIp(spec)) return;
  const { addresses, nodePorts } = taken(context);
  if (asText(spec['clusterIP']) === '') spec['clusterIP'] = freeAddress(addresses, context);
  const headlessWithoutSelector =
    spec['clusterIP'] === 'None' && Object.keys(asObject(spec['selector'])).length === 0;
  spec['clusterIPs'] = [spec['clusterIP']];
  spec['ipFamilies'] ??= headlessWithoutSelector ? ['IPv4', 'IPv6'] : ['IPv4'];
  spec['ipFamilyPolicy'] ??= headlessWithoutSelector ? 'RequireDualStack' : 'SingleStack';
  if (!hasNodePorts(spec)) return;
  for (const port of asObjects(spec['ports'])) {
    if (Number(port['nodePort'] ?? 0) === 0) port['nodePort'] = freeNodePort(nodePorts, context);
    nodePorts.add(Number(port['nodePort']));
  }
}

function freeAddress(used: ReadonlySet<string>, { random }: StrategyContext): string {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const address = `${NETWORK}.${integerBetween(random, 1, 254)}.${integerBetween(random, 1, 254)}`;
    if (!used.has(address)) return address;
  }
  throw new Error('no free cluster address');
}

function freeNodePort(used: ReadonlySet<number>, { random }: StrategyContext): number {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = integerBetween(random, NODE_PORTS.min, NODE_PORTS.max);
    if (!used.has(port)) return port;
  }
  throw new Error('no free node port');
}

/** A client that leaves allocated values out means "as they are". */
function keepAllocated(service: StoredObject, old: StoredObject): void {
  const spec = child(service, 'spec');
  const before = specOf(old);
  if (!hasClusterIp(spec)) return;
  if (asText(spec['clusterIP']) === '') {
    for (const field of ['clusterIP', 'clusterIPs']) {
      if (before[field] !== undefined) spec[field] = clone(before[field]);
    }
  }
  for (const field of ['ipFamilies', 'ipFamilyPolicy']) spec[field] ??= clone(before[field]);
  if (!hasNodePorts(spec)) return;
  const ports = asObjects(before['ports']);
  for (const port of asObjects(spec['ports'])) {
    const same = ports.find(
      (one) => one['port'] === port['port'] && one['protocol'] === port['protocol'],
    );
    if (port['nodePort'] === undefined && same?.['nodePort'] !== undefined) {
      port['nodePort'] = same['nodePort'];
    }
  }
}

function validateService(service: StoredObject, old: StoredObject | undefined): FieldProblem[] {
  const spec = specOf(service);
  const ports = asObjects(spec['ports']);
  const headless = spec['clusterIP'] === 'None';
  const problems: FieldProblem[] = [];
  if (ports.length === 0 && !headless && hasClusterIp(spec)) {
    problems.push(problem.required('spec.ports'));
  }
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    const name = asText(port['name']);
    if (name === '' && ports.length > 1) problems.push(problem.required(`${field}.name`));
    if (name !== '') {
      problems.push(...checkLabel(name).map((one) => problem.invalid(`${field}.name`, name, one)));
      if (names.has(name)) problems.push(problem.duplicate(`${field}.name`, name));
      names.add(name);
    }
    problems.push(...portNumber(port['port'], `${field}.port`));
    if (typeof port['targetPort'] === 'number') {
      problems.push(...portNumber(port['targetPort'], `${field}.targetPort`));
    }
  }
  problems.push(...validateLabels(spec['selector'], 'spec.selector'));
  const address = asText(spec['clusterIP']);
  if (address !== '' && !headless && !isIPv4(address) && !isIPv6(address)) {
    problems.push(
      problem.invalid(
        'spec.clusterIPs[0]',
        [address],
        'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ),
    );
  }
  const ingress = asObject(asObject(service['status'])['loadBalancer'])['ingress'];
  if (spec['type'] !== 'LoadBalancer' && Array.isArray(ingress) && ingress.length > 0) {
    problems.push(
      problem.forbidden(
        'status.loadBalancer.ingress',
        "may only be used when `spec.type` is 'LoadBalancer'",
      ),
    );
  }
  return [...problems, ...(old === undefined ? [] : validateAddressUpdate(spec, specOf(old)))];
}

function validateAddressUpdate(spec: JsonObject, before: JsonObject): FieldProblem[] {
  const was = asText(before['clusterIP']);
  if (was === '' || !hasClusterIp(spec) || !hasClusterIp(before)) return [];
  if (equal(spec['clusterIP'], was)) return [];
  return [problem.invalid('spec.clusterIPs[0]', [spec['clusterIP']], 'may not change once set')];
}

export const serviceStrategy = createStrategy({
  nameRule: 'service',
  createOnUpdate: true,
  returnsDeleted: true,
  prepareForCreate: allocate,
  prepareForUpdate(service, old, context) {
    keepAllocated(service, old);
    allocate(service, context);
  },
  initialStatus: () => ({ loadBalancer: {} }),
  validate: validateService,
  selectableFields: (service) => ({
    'spec.clusterIP': asText(specOf(service)['clusterIP']),
    'spec.type': asText(specOf(service)['type']),
  }),
});

/** Endpoint addresses that would lead back to the node itself are refused. */
function checkAddress(address: string, field: string): FieldProblem[] {
  const refuse = (detail: string): FieldProblem[] => [problem.invalid(field, address, detail)];
  if (!isIPv4(address) && !isIPv6(address)) {
    return refuse('must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
  }
  if (address === '0.0.0.0' || address === '::')
    return refuse(`may not be unspecified (${address})`);
  if (address.startsWith('127.') || address === '::1') {
    return refuse('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  }
  if (address.startsWith('169.254.') || /^fe[89ab]/i.test(address)) {
    return refuse('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (address.startsWith('224.0.0.') || /^ff02:/i.test(address)) {
    return refuse('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return [];
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

function validateSlice(slice: StoredObject, old: StoredObject | undefined): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const type = asText(slice['addressType']);
  if (type === '') problems.push(problem.required('addressType'));
  else if (!ADDRESS_TYPES.includes(type)) {
    problems.push(problem.notSupported('addressType', type, ADDRESS_TYPES));
  }
  if (old !== undefined && old['addressType'] !== slice['addressType']) {
    return [problem.invalid('addressType', slice['addressType'], 'field is immutable')];
  }
  for (const [index, endpoint] of asObjects(slice['endpoints']).entries()) {
    const addresses = Array.isArray(endpoint['addresses']) ? endpoint['addresses'].map(String) : [];
    const field = `endpoints[${index}].addresses`;
    if (addresses.length === 0) {
      problems.push(problem.required(field, 'must contain at least 1 item'));
    }
    if (type === 'IPv4' || type === 'IPv6') {
      for (const [place, address] of addresses.entries()) {
        problems.push(...checkAddress(address, `${field}[${place}]`));
        if (isIPv4(address) !== (type === 'IPv4') && (isIPv4(address) || isIPv6(address))) {
          problems.push(
            problem.invalid(`${field}[${place}]`, address, `must be an ${type} address`),
          );
        }
      }
    }
  }
  return problems;
}

export const endpointSliceStrategy = createStrategy({
  generation: true,
  prepareForCreate(slice) {
    slice.metadata.generation = 1;
  },
  validate: validateSlice,
});

export const endpointsStrategy = createStrategy({
  createOnUpdate: true,
  validate: (endpoints) =>
    asObjects(endpoints['subsets']).flatMap((subset, index) =>
      ['addresses', 'notReadyAddresses'].flatMap((list) =>
        asObjects(subset[list]).flatMap((one, place) =>
          checkAddress(asText(one['ip']), `subsets[${index}].${list}[${place}].ip`),
        ),
      ),
    ),
});
