/** A client in a pod, which calls by the clock: what it saw of an outage is not blurred by the way from this machine. */
import { RESOURCES, type KubeClient } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { NAMESPACE } from '../manifests.ts';
import { plainContainer, plainPod } from './pods.ts';

/**
 * Sessions at $URL, or those that $IDS names, then one request each $EVERY_MS on a connection of its own, for $SECONDS.
 * Prints `ready`, and at the end one line of JSON, see {@link Report}.
 */
const PROGRAM = `
const { request } = require('node:http');
const { setTimeout: pause } = require('node:timers/promises');
const { URL: url, SECONDS, EVERY_MS, SESSIONS, TIMEOUT_MS, IDS } = process.env;
const post = (message, session) => new Promise((resolve, reject) => {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
  };
  const sent = request(url, { method: 'POST', agent: false, headers, signal: AbortSignal.timeout(Number(TIMEOUT_MS)) });
  sent.on('error', reject);
  sent.on('response', (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => (text += part));
    answer.on('error', reject);
    answer.on('end', () => resolve({ status: answer.statusCode, session: answer.headers['mcp-session-id'], text }));
  });
  sent.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
});
const open = async () => {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'load', version: '1' } };
  const { session } = await post({ id: 0, method: 'initialize', params });
  await post({ method: 'notifications/initialized' }, session);
  return session;
};
const main = async () => {
  const sessions = IDS ? IDS.split(',') : [];
  while (sessions.length < Number(SESSIONS)) sessions.push(await open());
  console.log('ready');
  const begun = Date.now();
  const failures = [];
  const answered = [];
  const pending = new Set();
  let calls = 0;
  let slowestMs = 0;
  const call = async (number) => {
    const at = Date.now() - begun;
    const fail = (why) => failures.push({ at, why });
    try {
      const { status, text } = await post(
        { id: number, method: 'tools/call', params: { name: 'echo', arguments: { message: 'call ' + number } } },
        sessions[number % sessions.length],
      );
      if (status !== 200 || !text.includes('call ' + number)) return fail(status + ' ' + text.slice(0, 200));
      answered.push(Date.now());
      slowestMs = Math.max(slowestMs, Date.now() - begun - at);
    } catch (error) {
      fail(error.code ?? error.name);
    }
  };
  while (Date.now() - begun < Number(SECONDS) * 1000) {
    const running = call(++calls).finally(() => pending.delete(running));
    pending.add(running);
    await pause(Number(EVERY_MS));
  }
  await Promise.all(pending);
  const lost = [];
  for (const session of IDS ? [] : sessions) {
    const { status } = await post({ id: 'last', method: 'tools/call', params: { name: 'echo', arguments: { message: 'last' } } }, session);
    if (status !== 200) lost.push(session + ' ' + status);
  }
  const silence = answered.sort((a, b) => a - b).reduce(
    (worst, at, index) => (at - (answered[index - 1] ?? at) > worst.to - worst.from ? { from: answered[index - 1], to: at } : worst),
    { from: 0, to: 0 },
  );
  console.log(JSON.stringify({ calls, slowestMs, failures: failures.sort((a, b) => a.at - b.at), lost, silence, lastAnswerAt: answered.at(-1) ?? 0 }));
};
main().catch((error) => { console.error(error); process.exitCode = 1; });
`;

export interface Report {
  readonly calls: number;
  /** Of the calls that were answered. */
  readonly slowestMs: number;
  /** When each call that failed began, in ms since the first, and why. */
  readonly failures: readonly { readonly at: number; readonly why: string }[];
  /** Sessions that are not answered for in the end. */
  readonly lost: readonly string[];
  /** The longest time without an answer, and the last answer, by the wall clock of the node. */
  readonly silence: { readonly from: number; readonly to: number };
  readonly lastAnswerAt: number;
}

export interface LoadOptions {
  readonly client: KubeClient;
  readonly image: string;
  readonly name: string;
  /** A pod of its own on this node, or a container in this pod, where nothing is between it and the pod's ports. */
  readonly where: { readonly node: string } | { readonly pod: string };
  readonly url: string;
  readonly seconds: number;
  /** Between the beginnings of two calls; 20 when left out. */
  readonly everyMs?: number;
  /** Sessions that exist; nine new ones otherwise. */
  readonly ids?: readonly string[];
}

export interface Load {
  /** What it saw, once its time is over. */
  report(): Promise<Report>;
  stop(): Promise<void>;
}

/** Resolves once it calls. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { client, image, name, where, url, seconds, everyMs = 20, ids = [] } = options;
  const variables = {
    URL: url,
    SECONDS: String(seconds),
    EVERY_MS: String(everyMs),
    SESSIONS: ids.length > 0 ? '0' : '9',
    IDS: ids.join(),
    // More than a session of a lost owner waits for its lease to end, less than clients wait.
    TIMEOUT_MS: '8000',
  };
  const container = plainContainer({ name, image, program: PROGRAM, variables });
  const isGuest = 'pod' in where;
  const ref = { namespace: NAMESPACE, name: isGuest ? where.pod : name };
  const log = (): Promise<string> =>
    client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/pods/${ref.name}/log?container=${name}`);
  if (isGuest) {
    const body = { spec: { ephemeralContainers: [container] } };
    const subresource = 'ephemeralcontainers';
    await client.patch(RESOURCES.pods, ref, { type: 'strategic', subresource, body });
  } else {
    await client.create(RESOURCES.pods, plainPod({ ...ref, node: where.node, container }));
  }
  await eventually('the client to call', async () => (await log()).includes('ready'), 60_000);
  return {
    report: () =>
      eventually(
        `the report of ${name}`,
        async () => {
          const last = (await log()).trimEnd().split('\n').at(-1) ?? '';
          return last.startsWith('{') && (JSON.parse(last) as Report);
        },
        (seconds + 60) * 1000,
      ),
    async stop() {
      if (!isGuest) await client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0 });
    },
  };
}

/** From the first to the last failed call, by the client's own clock. */
export function outageMs({ failures }: Report): number {
  const [first, last] = [failures[0], failures.at(-1)];
  return first === undefined || last === undefined ? 0 : last.at - first.at;
}
