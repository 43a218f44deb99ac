/**
 * A way from this machine to the addresses of pods and Services: through the API server to a pod that passes bytes on. So the
 * official clients of the other backends play here, too, wherever the cluster runs.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SIDECAR_PORTS } from '../../../src/api/index.ts';
import { RESOURCES, type KubeClient } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Kubectl, RunningKubectl } from '../kubectl.ts';
import { plainContainer, plainPod, type PodStatus } from './pods.ts';

const NAME = 'tunnel';
const PORT = 8080;
const START_MAX_MS = 120_000;

/** Passes the bytes of each connection on to the host and port that its path names. */
const PROGRAM = `
const { createServer } = require('node:http');
const { connect } = require('node:net');
createServer((request, response) => response.end()).on('upgrade', (request, near) => {
  const [, host, port] = request.url.split('/');
  const far = connect(Number(port), host, () => {
    near.write('HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: tcp\\r\\n\\r\\n');
    near.pipe(far).pipe(near);
  });
  for (const [one, other] of [[near, far], [far, near]])
    one.on('error', () => other.destroy()).on('close', () => other.destroy());
}).listen(${PORT});
`;

export interface Tunnel {
  /** Makes the pod, on `node`; resolves once it listens. */
  open(node: string): Promise<void>;
  /** A port of this machine that leads to that one; `here` is the address to listen on, and its port the same. */
  to(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** An address of this machine on whose peer port the pod with this address is reached. */
  addressOf(podIp: string): Promise<string>;
  close(): Promise<void>;
}

export interface TunnelOptions {
  readonly client: KubeClient;
  readonly kubectl: Kubectl;
  /** Members let only the operator's namespace ask. */
  readonly namespace: string;
  readonly image: string;
}

export function createTunnel({ client, kubectl, namespace, image }: TunnelOptions): Tunnel {
  const listening = new Map<string, Promise<Server>>();
  const sockets = new Set<Duplex>();
  const path = `/api/v1/namespaces/${namespace}/pods/${NAME}:${PORT}/proxy`;

  let proxy: RunningKubectl | undefined;
  let proxyPort = 0;

  /** By kubectl, which knows every way to prove who we are; over HTTP/2, which our own client speaks, nothing is upgraded. */
  const dial = (host: string, port: number): Promise<Duplex> =>
    new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'tcp' };
      request({ port: proxyPort, path: `${path}/${host}/${port}`, headers, agent: false })
        .on('upgrade', (_response, socket, head) => {
          socket.unshift(head);
          resolve(socket);
        })
        .on('response', ({ statusCode }) => reject(new Error(`the tunnel answered ${statusCode}`)))
        .on('error', reject)
        .end();
    });
  const accept = async (near: Socket, host: string, port: number): Promise<void> => {
    sockets.add(near.on('close', () => sockets.delete(near)).on('error', () => near.destroy()));
    const far = await dial(host, port).catch(() => undefined);
    if (far === undefined) return void near.destroy();
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.on('close', () => far.destroy());
    near.pipe(far).pipe(near);
  };
  const listen = async (target: [string, number], here: string, port: number): Promise<Server> => {
    const server = createServer({ pauseOnConnect: true }, (near) => void accept(near, ...target));
    await once(server.listen(port, here), 'listening');
    return server;
  };
  const listenOnce = (key: string, start: () => Promise<Server>): Promise<Server> => {
    const found = listening.get(key) ?? start();
    listening.set(key, found);
    return found;
  };

  return {
    async open(node) {
      const ref = { namespace, name: NAME };
      const container = plainContainer({ name: NAME, image, program: PROGRAM });
      await client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0 }).catch(() => undefined);
      const isGone = async (): Promise<boolean> =>
        (await client.get(RESOURCES.pods, ref)) === undefined;
      await eventually('the old tunnel to be gone', isGone);
      await client.create(RESOURCES.pods, plainPod({ namespace, name: NAME, node, container }));
      const isReady = async (): Promise<boolean> => {
        const pod = await client.get<PodStatus>(RESOURCES.pods, ref);
        return pod?.status?.phase === 'Running' && (await client.raw('GET', `${path}/`)) === '';
      };
      await eventually('the tunnel to listen', isReady, START_MAX_MS);
      const proxying = kubectl.start('proxy --port=0');
      proxy = proxying;
      proxyPort = await eventually(
        'kubectl to listen',
        () => Number(/127\.0\.0\.1:(\d+)/.exec(proxying.output())?.[1] ?? 0) || false,
      );
    },
    async to(host, port) {
      const server = await listenOnce(`${host}:${port}`, () =>
        listen([host, port], '127.0.0.1', 0),
      );
      return { host: '127.0.0.1', port: (server.address() as { port: number }).port };
    },
    async addressOf(podIp) {
      const key = `${podIp}:${SIDECAR_PORTS.peer}`;
      const target: [string, number] = [podIp, SIDECAR_PORTS.peer];
      const here = `127.99.0.${listening.size + 1}`;
      const server = await listenOnce(key, () => listen(target, here, SIDECAR_PORTS.peer));
      return (server.address() as { address: string }).address;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await proxy?.stop();
      for (const server of await Promise.all(listening.values())) server.close();
      await client
        .delete(RESOURCES.pods, { namespace, name: NAME }, { gracePeriodSeconds: 0 })
        .catch(() => undefined);
    },
  };
}
