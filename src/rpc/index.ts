/**
 * Band 3: how processes of one cluster call each other. gRPC over mutual TLS: both ends show a certificate of the cluster's
 * authority, the cluster id in it is compared on each connection, and its role with what each method is for. Services are described in /proto; `generated/` holds
 * them as a JSON descriptor and TypeScript types, so that no proto file is needed at run time.
 */
export {
  createChannel,
  type ChannelOptions,
  type ChannelState,
  type RpcChannel,
} from './channel.ts';
export type {
  CallOptions,
  ClientBidiStream,
  ClientMethod,
  ClientStream,
  RpcClient,
  StreamReceiver,
} from './client.ts';
export { RpcError, type ConnectFailure, type RpcErrorCode } from '../std/index.ts';
export type { CallContext, ServerBidiStream, ServerStream, ServiceHandlers } from './handlers.ts';
export type { Sender } from './sender.ts';
export { createRpcServer, type RpcServer, type RpcServerOptions } from './server.ts';
export { maySpeakAs } from '../security/index.ts';
export type { RpcService } from './service.ts';
export { services } from './generated/services.ts';
export type * as Wire from './generated/services.ts';
