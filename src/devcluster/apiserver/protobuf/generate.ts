/**
 * Makes `messages.json`: field numbers, names and types of the built-in kinds in Kubernetes' protobuf encoding, from the
 * published Go modules. Run: `node generate.ts <folder of k8s.io/api> <folder of k8s.io/apimachinery>`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Which kinds a client may send as protobuf, and their messages. */
const KINDS: Readonly<
  Record<string, { readonly package: string; readonly kinds: readonly string[] }>
> = {
  v1: {
    package: 'k8s.io.api.core.v1',
    kinds: [
      'Binding ConfigMap Endpoints Event Namespace Node PersistentVolume PersistentVolumeClaim Pod',
      'Secret Service ServiceAccount',
    ].flatMap((line) => line.split(' ')),
  },
  'apps/v1': {
    package: 'k8s.io.api.apps.v1',
    kinds: ['ControllerRevision', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  },
  'authentication.k8s.io/v1': {
    package: 'k8s.io.api.authentication.v1',
    kinds: ['SelfSubjectReview', 'TokenRequest', 'TokenReview'],
  },
  'authorization.k8s.io/v1': {
    package: 'k8s.io.api.authorization.v1',
    kinds: ['LocalSubjectAccessReview', 'SelfSubjectAccessReview', 'SubjectAccessReview'],
  },
  'autoscaling/v1': { package: 'k8s.io.api.autoscaling.v1', kinds: ['Scale'] },
  'batch/v1': { package: 'k8s.io.api.batch.v1', kinds: ['CronJob', 'Job'] },
  'coordination.k8s.io/v1': { package: 'k8s.io.api.coordination.v1', kinds: ['Lease'] },
  'discovery.k8s.io/v1': { package: 'k8s.io.api.discovery.v1', kinds: ['EndpointSlice'] },
  'events.k8s.io/v1': { package: 'k8s.io.api.events.v1', kinds: ['Event'] },
  'networking.k8s.io/v1': { package: 'k8s.io.api.networking.v1', kinds: ['NetworkPolicy'] },
  'policy/v1': { package: 'k8s.io.api.policy.v1', kinds: ['Eviction', 'PodDisruptionBudget'] },
  'rbac.authorization.k8s.io/v1': {
    package: 'k8s.io.api.rbac.v1',
    kinds: ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  },
  'storage.k8s.io/v1': { package: 'k8s.io.api.storage.v1', kinds: ['StorageClass'] },
};

const META = 'k8s.io.apimachinery.pkg.apis.meta.v1';

/**
 * Number, JSON name (empty: its members belong to the parent), type, flags: r repeated, m map, z a zero value is kept,
 * n absent is null (a time that is no pointer).
 */
type Field = readonly [number: number, name: string, type: string, flags: string];

interface GoField {
  readonly json: string;
  readonly keepsZero: boolean;
  readonly absentIsNull: boolean;
}

function readPackage(directory: string, name: string, messages: Map<string, Field[]>): void {
  const go = readGoFields(directory);
  const proto = readFileSync(join(directory, 'generated.proto'), 'utf8');
  for (const [, message = '', body = ''] of proto.matchAll(/^message (\w+) \{\n([^]*?)^\}/gm)) {
    const fields = [
      ...body.matchAll(
        /^ {2}(optional|repeated|map<string, ([\w.]+)>)\s+(?:([\w.]+)\s+)?(\w+) = (\d+)/gm,
      ),
    ];
    messages.set(
      `${name}.${message}`,
      fields.map((match) => {
        const [, label = '', mapType, plainType, protoName = '', number = ''] = match;
        const known = go.get(`${message}/${number}`) ?? {
          json: protoName,
          keepsZero: false,
          absentIsNull: false,
        };
        const flags = `${label === 'repeated' ? 'r' : ''}${mapType === undefined ? '' : 'm'}${known.keepsZero ? 'z' : ''}${known.absentIsNull ? 'n' : ''}`;
        return [Number(number), known.json, resolve(mapType ?? plainType ?? '', name), flags];
      }),
    );
  }
}

const SCALARS = ['string', 'bool', 'int32', 'int64', 'double', 'bytes'];

function resolve(type: string, scope: string): string {
  if (SCALARS.includes(type)) return type;
  if (type.startsWith('.')) return type.slice(1);
  return type.includes('.') ? type : `${scope}.${type}`;
}

/** The JSON names of struct fields, by struct and field number, out of the tags in the Go sources. */
function readGoFields(directory: string): Map<string, GoField> {
  const fields = new Map<string, GoField>();
  for (const file of readdirSync(directory)) {
    if (!/^(types|meta|register|time|micro_time).*\.go$/.test(file) || file.includes('_test'))
      continue;
    let struct = '';
    for (const line of readFileSync(join(directory, file), 'utf8').split('\n')) {
      struct = /^type (\w+) struct/.exec(line)?.[1] ?? struct;
      const tag = /^\s+(\S.*?)\s+`json:"([^"]*)" protobuf:"\w+,(\d+)/.exec(line);
      if (tag === null) continue;
      const [, declaration = '', json = '', number = ''] = tag;
      const [name = '', ...options] = json.split(',');
      const isPointer = declaration.includes('*');
      fields.set(`${struct}/${number}`, {
        json: options.includes('inline') ? '' : name,
        keepsZero: isPointer || !options.includes('omitempty'),
        absentIsNull:
          /(^|\s)(metav1\.)?(Micro)?Time$/.test(declaration) && !options.includes('omitzero'),
      });
    }
  }
  return fields;
}

function reachable(
  messages: Map<string, Field[]>,
  roots: readonly string[],
): Record<string, Field[]> {
  const found: Record<string, Field[]> = {};
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const fields = messages.get(name);
    if (fields === undefined || name in found) continue;
    found[name] = fields;
    open.push(...fields.map(([, , type]) => type));
  }
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function main(api: string, apimachinery: string): void {
  const messages = new Map<string, Field[]>();
  readPackage(join(apimachinery, 'pkg/apis/meta/v1'), META, messages);
  const kinds: Record<string, string> = {};
  for (const [version, entry] of Object.entries(KINDS)) {
    const directory = join(api, entry.package.replace('k8s.io.api.', '').replaceAll('.', '/'));
    readPackage(directory, entry.package, messages);
    for (const kind of entry.kinds) kinds[`${version}/${kind}`] = `${entry.package}.${kind}`;
  }
  const options = ['DeleteOptions', 'CreateOptions', 'PatchOptions', 'UpdateOptions'];
  for (const kind of options) kinds[kind] = `${META}.${kind}`;
  const data = { kinds, messages: reachable(messages, Object.values(kinds)) };
  const lines = JSON.stringify(data).replaceAll('"k8s.io.', '\n"k8s.io.');
  writeFileSync(new URL('messages.json', import.meta.url), `${lines}\n`);
}

const [api, apimachinery] = process.argv.slice(2);
if (api === undefined || apimachinery === undefined) {
  throw new Error('usage: generate.ts <folder of k8s.io/api> <folder of k8s.io/apimachinery>');
}
main(api, apimachinery);
