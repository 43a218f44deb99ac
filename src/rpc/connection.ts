/** One attempt to reach one address: a grpc-js channel that lives until its connection breaks, and never reconnects. */
import { Channel, Client, connectivityState, credentials } from '@grpc/grpc-js';
import { isIPv6 } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { certificateIdentity, isMemberOf, type TlsMaterial } from '../security/index.ts';
import { RpcError } from '../std/index.ts';
import { connectFailure } from './connect-failure.ts';
import { MESSAGE_BYTES_MAX } from './server.ts';

export interface ConnectionOptions {
  /** An IP address: names are resolved before. */
  readonly address: string;
  readonly port: number;
  readonly material: TlsMaterial;
  /** Name that the server's certificate must carry. */
  readonly serverName: string;
  readonly clusterId: string;
  readonly connectTimeoutMs: number;
  /** Silence after which the peer is pinged, and how long the answer may take. */
  readonly keepalive: { readonly timeMs: number; readonly timeoutMs: number };
}

export interface Connection {
  readonly client: Client;
  /** Resolves with the reason when the connection is over. */
  readonly lost: Promise<RpcError>;
  close(): void;
}

/** Resolves when the connection is established and the server is a member of the cluster; rejects with {@link RpcError}. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const host = isIPv6(options.address) ? `[${options.address}]` : options.address;
  const target = `${isIPv6(options.address) ? 'ipv6' : 'ipv4'}:${host}:${options.port}`;
  const channel = new Channel(target, memberCredentials(options), {
    'grpc.ssl_target_name_override': options.serverName,
    'grpc.default_authority': options.serverName,
    'grpc.keepalive_time_ms': options.keepalive.timeMs,
    'grpc.keepalive_timeout_ms': options.keepalive.timeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  });
  const client = new Client(target, credentials.createInsecure(), { channelOverride: channel });
  const outcome = await settled(channel, options.connectTimeoutMs);
  if (outcome !== 'ready') {
    const reason = outcome === 'timeout' ? 'connect timed out' : await lastError(client);
    channel.close();
    const text = `no connection to ${options.serverName} (${options.address}:${options.port}): ${reason}`;
    throw new RpcError('unavailable', text, connectFailure(reason));
  }
  return {
    client,
    lost: broken(channel).then(() => {
      channel.close();
      return new RpcError('unavailable', `connection to ${options.serverName} lost`, 'reset');
    }),
    close: () => channel.close(),
  };
}

function memberCredentials(options: ConnectionOptions): ReturnType<typeof credentials.createSsl> {
  const { ca, key, cert } = options.material;
  return credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert), {
    checkServerIdentity: (_host, certificate) => {
      const wrongName = checkServerIdentity(options.serverName, certificate);
      if (wrongName !== undefined) return wrongName;
      if (isMemberOf(certificate, options.clusterId)) return undefined;
      const { clusterId = '(none)', role } = certificateIdentity(certificate) ?? {};
      return new Error(
        clusterId === options.clusterId
          ? `server is no member of the cluster but its ${role}`
          : `server belongs to cluster ${clusterId}, not ${options.clusterId}`,
      );
    },
  });
}

/** Waits until the channel is connected or failed. */
function settled(channel: Channel, timeoutMs: number): Promise<'ready' | 'failed' | 'timeout'> {
  const deadline = Date.now() + timeoutMs;
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return resolve('ready');
      if (state === connectivityState.TRANSIENT_FAILURE) return resolve('failed');
      if (state === connectivityState.SHUTDOWN) return resolve('failed');
      channel.watchConnectivityState(state, deadline, (error) => {
        if (error === undefined) look();
        else resolve('timeout');
      });
    };
    look();
  });
}

/** Resolves when a connected channel is no longer connected. */
function broken(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    if (channel.getConnectivityState(false) !== connectivityState.READY) return resolve();
    channel.watchConnectivityState(connectivityState.READY, Infinity, () => resolve());
  });
}

const asBuffer = (value: Buffer): Buffer => value;

/** What grpc-js appends about name resolution, which we do ourselves. */
const RESOLUTION_NOTE = /\.? *Resolution note:.*$/s;

/** Why a failed channel failed: grpc-js tells it only in the status of a call. */
function lastError(client: Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest('/none/None', asBuffer, asBuffer, Buffer.alloc(0), (error) =>
      resolve((error?.details ?? 'unknown').replace(RESOLUTION_NOTE, '')),
    );
  });
}
