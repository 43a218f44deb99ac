/** A real kube-apiserver for tests that compare with it; they are skipped unless KUBEBUILDER_ASSETS is set. */
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { startControlPlane } from '../../../src/devcluster/control-plane/index.ts';
import { systemClock, systemRandom } from '../../../src/host/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { assets, skip } from '../../control-plane.ts';

export { skip };

export interface Reply {
  readonly status: number;
  readonly date: Date;
  readonly body: Record<string, unknown>;
}

export interface RealServer {
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  stop(): Promise<void>;
}

/** Starts etcd and kube-apiserver; about 4 s. */
export async function startRealServer(): Promise<RealServer> {
  const plane = await startControlPlane({
    assets,
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
    controllers: false,
  });
  const { authority, admin } = plane.tls;
  const agent = new Agent({
    keepAlive: true,
    ca: authority.certificate,
    cert: admin.certificate,
    key: admin.key,
  });
  return {
    request: (method, path, body, headers) =>
      send(
        new URL(path, plane.url),
        { agent, method, headers: { ...jsonBody(body), ...headers } },
        body,
      ),
    async stop() {
      agent.destroy();
      await plane.stop();
    },
  };
}

function jsonBody(body: unknown): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' };
}

function send(url: URL, options: RequestOptions, body: unknown): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('end', () => {
        const { statusCode: status = 0, headers } = incoming;
        const date = new Date(headers.date ?? 0);
        resolve({ status, date, body: parsed(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  });
}

/** Some refusals of the real server are plain text. */
function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { message: text };
  }
}
