/** Three sidecars without Kubernetes, each with its own MCP server, as processes; and a client that speaks plain HTTP. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { createProcesses, type Process } from './processes.ts';

const SERVER = join(import.meta.dirname, '..', 'fixtures', 'mcp-server', 'main.ts');
const VERSION = '2025-06-18';
/** Ids are unique in a session, whichever pod its requests go through. */
let lastId = 0;

export interface StandalonePod {
  readonly id: string;
  readonly gateway: number;
  readonly cluster: number;
  /** A session, initialized, that has listed its tools. */
  open(): Promise<string>;
  /** Text of a tool's answer in this session; rejects when the answer is none. */
  call(session: string): Promise<string>;
  /** The whole answer of any tool. */
  callTool(session: string, name: string, input: object): Promise<string>;
  /** The file that tells the sidecar to leave. */
  readonly word: string;
  /** What calls with an effect have been executed by the server. */
  effects(): Promise<string>;
  /** A signal to the server alone. */
  signalServer(signal: NodeJS.Signals): void;
  /** Ends sidecar and server at once. */
  kill(): void;
}

/** Processes and folder go after the tests of the file. */
export async function startStandalonePods(): Promise<{
  readonly folder: string;
  /** The program with these arguments. */
  run(...args: string[]): Process;
  /** A cluster of three, with more flags for each sidecar; resolves when all are ready. */
  pods(
    prefix: string,
    ...flags: readonly string[]
  ): Promise<readonly [StandalonePod, StandalonePod, StandalonePod]>;
}> {
  const { folder, run, node } = await createProcesses();
  return {
    folder,
    run,
    async pods(prefix, ...flags) {
      const ids = [1, 2, 3].map((number) => `${prefix}${number}`);
      const ports = await freePorts(ids.length * 4);
      const of = (i: number) => ports.slice(i * 4, i * 4 + 4) as [number, number, number, number];
      const peers = ids.map((id, i) => `${id}@127.0.0.1:${of(i)[0]}`).join();
      const made = ids.map((id, i) => {
        const [cluster, gateway, gatewayPeer, upstream] = of(i);
        const word = join(folder, `${id}.leave`);
        const effectsFile = join(folder, `${id}.effects`);
        const server = node([SERVER], { PORT: String(upstream), EFFECTS_FILE: effectsFile });
        const sidecar = run(
          ...['sidecar', '--node-id', id, '--peers', peers, '--cluster-port', String(cluster)],
          ...['--advertise-addr', `127.0.0.1:${cluster}`, '--session-db-path', folder],
          ...['--upstream', `http://127.0.0.1:${upstream}/mcp`],
          ...['--gateway-port', String(gateway), '--gateway-peer-port', String(gatewayPeer)],
          ...['--hand-over-file', word, ...flags],
        );
        const kill = (): void => {
          sidecar.kill('SIGKILL');
          server.kill('SIGKILL');
        };
        const effects = (): Promise<string> => readFile(effectsFile, 'utf8').catch(() => '');
        const signalServer = (signal: NodeJS.Signals): void => void server.kill(signal);
        const ends = { effects, signalServer, kill };
        return { id, gateway, cluster, word, ...ends, lines: sidecar.lines, ...client(gateway) };
      });
      const isReady = async (): Promise<boolean> => {
        const asked = made.map(({ cluster }) => fetch(`http://127.0.0.1:${cluster}/readyz`));
        return (await Promise.all(asked)).every(({ ok }) => ok);
      };
      await eventually('every member to be ready', isReady, 30_000).catch((error: unknown) => {
        throw new Error(made.map(({ lines }) => lines.slice(-3).join('')).join(''), {
          cause: error,
        });
      });
      return made as unknown as readonly [StandalonePod, StandalonePod, StandalonePod];
    },
  };
}

function client(gateway: number): Pick<StandalonePod, 'open' | 'call' | 'callTool'> {
  const send = async (body: object, session?: string): Promise<{ id: string; text: string }> => {
    const response = await fetch(`http://localhost:${gateway}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session === undefined
          ? {}
          : { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${response.status}: ${text}`);
    return { id: response.headers.get('mcp-session-id') ?? '', text };
  };
  const callTool = async (session: string, name: string, input: object): Promise<string> => {
    const params = { name, arguments: input };
    return (await send({ id: (lastId += 1), method: 'tools/call', params }, session)).text;
  };
  return {
    async open() {
      const clientInfo = { name: 'test', version: '1' };
      const params = { protocolVersion: VERSION, capabilities: {}, clientInfo };
      const { id } = await send({ id: (lastId += 1), method: 'initialize', params });
      await send({ method: 'notifications/initialized' }, id);
      // Says which tools may be called again when an answer got lost: the one called below is read-only.
      await send({ id: (lastId += 1), method: 'tools/list' }, id);
      return id;
    },
    callTool,
    async call(session) {
      const text = await callTool(session, 'test_simple_text', {});
      const said = /This is a simple text response/.exec(text)?.[0];
      assert.ok(said, text);
      return said;
    },
  };
}
