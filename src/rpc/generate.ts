/** Turns every file in /proto into src/rpc/generated: a JSON descriptor (no proto file is needed at run time) and types. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCALARS: Readonly<Record<string, string>> = {
  bool: 'boolean',
  string: 'string',
  bytes: 'Uint8Array',
};

/** The generated files by name, from all `.proto` files of a directory (default: the project's `proto`). */
export async function generateRpcFiles(
  protoDirectory: string = join(ROOT, 'proto'),
): Promise<Record<string, string>> {
  const names = (await readdir(protoDirectory)).filter((name) => name.endsWith('.proto')).sort();
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => target;
  await root.load(
    names.map((name) => join(protoDirectory, name)),
    { keepCase: true },
  );
  root.resolveAll();
  const plain = new protobuf.Root();
  await plain.load(names.map((name) => join(protoDirectory, name)));
  return {
    'descriptor.json': `${JSON.stringify(sorted(plain.toJSON()), undefined, 1)}\n`,
    'services.ts': renderModule(root),
  };
}

/** Writes {@link generateRpcFiles} to `outputDirectory`; returns the paths written. */
export async function generateRpc(
  outputDirectory: string = join(ROOT, 'src', 'rpc', 'generated'),
): Promise<string[]> {
  const files = await generateRpcFiles();
  await mkdir(outputDirectory, { recursive: true });
  return Promise.all(
    Object.entries(files).map(async ([name, content]) => {
      const path = join(outputDirectory, name);
      await writeFile(path, content);
      return path;
    }),
  );
}

/** Object keys in order, so that the result does not depend on the order in which files were read. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function renderModule(root: protobuf.Root): string {
  const types: protobuf.Type[] = [];
  const enums: protobuf.Enum[] = [];
  const services: protobuf.Service[] = [];
  const visit = (parent: protobuf.NamespaceBase): void => {
    for (const child of parent.nestedArray) {
      if (child instanceof protobuf.Type) types.push(child);
      if (child instanceof protobuf.Enum) enums.push(child);
      if (child instanceof protobuf.Service) services.push(child);
      if (child instanceof protobuf.Namespace) visit(child);
    }
  };
  visit(root);
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return [
    '/** Generated from /proto by `npm run generate`; do not edit. */',
    "import { loadServices, type RpcService } from '../service.ts';",
    "import descriptor from './descriptor.json' with { type: 'json' };",
    '',
    'const service = loadServices(descriptor);',
    '',
    ...enums.sort(byName).map(renderEnum),
    ...types.sort(byName).map(renderType),
    ...services.sort(byName).map(renderService),
    '/** Every service by its name. */',
    'export const services = {',
    ...services.map(
      ({ name, fullName }) =>
        `  ${lowerFirst(name)}: service('${fullName.replace(/^\./, '')}') as RpcService<${name}Methods>,`,
    ),
    '};',
    '',
  ].join('\n');
}

function renderEnum(type: protobuf.Enum): string {
  const values = Object.keys(type.values).map((value) => `'${value}'`);
  return `export type ${type.name} = ${values.join(' | ')};\n`;
}

/** Two interfaces a message: what arrives (every scalar present) and what may be sent (everything optional). */
function renderType(type: protobuf.Type): string {
  const output: string[] = [];
  const input: string[] = [];
  const comment = type.comment === null ? [] : [`/** ${type.comment.replaceAll('\n', ' ')} */`];
  for (const field of type.fieldsArray) {
    const name = protobuf.util.camelCase(field.name);
    const optional = field.partOf !== null;
    const isMessage = field.resolvedType instanceof protobuf.Type && !field.repeated && !field.map;
    const nullable = isMessage && !optional ? ' | null' : '';
    output.push(`  ${name}${optional ? '?' : ''}: ${fieldType(field, false)}${nullable};`);
    input.push(
      `  readonly ${name}?: ${fieldType(field, true)}${isMessage ? ' | null' : ''} | undefined;`,
    );
  }
  for (const group of type.oneofsArray) {
    const members = group.fieldsArray.map((field) => `'${protobuf.util.camelCase(field.name)}'`);
    const name = group.name.startsWith('_') ? group.name : protobuf.util.camelCase(group.name);
    output.push(`  ${name}?: ${members.join(' | ')};`);
  }
  const block = (name: string, lines: string[]): string[] =>
    lines.length === 0
      ? [`export type ${name} = Record<never, never>;`]
      : [`export interface ${name} {`, ...lines, '}'];
  return [...comment, ...block(type.name, output), ...block(`${type.name}Input`, input), ''].join(
    '\n',
  );
}

function fieldType(field: protobuf.Field, input: boolean): string {
  const resolved = field.resolvedType;
  let base = SCALARS[field.type] ?? 'number';
  if (resolved instanceof protobuf.Enum) base = resolved.name;
  if (resolved instanceof protobuf.Type) base = input ? `${resolved.name}Input` : resolved.name;
  if (field instanceof protobuf.MapField) return `Record<string, ${base}>`;
  if (!field.repeated) return base;
  return input ? `readonly ${base}[]` : `${base}[]`;
}

function renderService(service: protobuf.Service): string {
  const methods = service.methodsArray.map((method) => {
    const request = required(method.resolvedRequestType).name;
    const response = required(method.resolvedResponseType).name;
    return [
      `  ${lowerFirst(method.name)}: {`,
      `    kind: '${methodKind(method)}';`,
      `    requestInput: ${request}Input;`,
      `    request: ${request};`,
      `    responseInput: ${response}Input;`,
      `    response: ${response};`,
      '  };',
    ].join('\n');
  });
  return [`export type ${service.name}Methods = {`, ...methods, '};', ''].join('\n');
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function methodKind(method: protobuf.Method): string {
  if (method.requestStream) return method.responseStream ? 'bidi' : 'client-stream';
  return method.responseStream ? 'server-stream' : 'unary';
}

function required<T>(value: T | null): T {
  if (value === null) throw new TypeError('unresolved type in a proto file');
  return value;
}

if (import.meta.main) {
  for (const path of await generateRpc()) process.stdout.write(`${path}\n`);
}
