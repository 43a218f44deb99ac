/** A service as a typed value: what the generated module declares, the server implements and the channel calls. */
import { fromJSON, type Options } from '@grpc/proto-loader';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { required } from '../std/index.ts';

/** The types of one method: what a caller may pass and what the other side receives. */
export interface MethodTypes {
  readonly kind: 'unary' | 'server-stream' | 'client-stream' | 'bidi';
  readonly requestInput: unknown;
  readonly request: unknown;
  readonly responseInput: unknown;
  readonly response: unknown;
}
export type ServiceTypes = Readonly<Record<string, MethodTypes>>;

/** The definition grpc-js works with, and in `methods` (a type only) what its methods take and return. */
export interface RpcService<Types extends ServiceTypes> {
  readonly name: string;
  readonly definition: ServiceDefinition;
  /** Never present at run time; carries the types. */
  readonly methods?: Types;
}

/** How protobuf values look in our programs: numbers (not strings) for 64 bits, camelCase, every scalar present. */
const LOADER_OPTIONS: Options = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};

/** The services of a descriptor (protobuf.js JSON), by their full name. */
export function loadServices(
  descriptor: unknown,
): <Types extends ServiceTypes>(fullName: string) => RpcService<Types> {
  const loaded = fromJSON(descriptor as Parameters<typeof fromJSON>[0], LOADER_OPTIONS);
  return (fullName) => ({
    name: fullName,
    definition: required(
      loaded[fullName],
      `no service ${fullName} in the descriptor`,
    ) as unknown as ServiceDefinition,
  });
}
