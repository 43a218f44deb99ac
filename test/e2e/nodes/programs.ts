/** Two programs that run in pods of the image under test, which holds Node and nothing to install more with. */

/** A server of the 2025 era with a tool that answers at once. */
export const SERVER = `
const { createServer } = require('node:http');
const { randomUUID } = require('node:crypto');
createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(request.method === 'DELETE' ? 200 : 405).end();
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => {
    const { id, method, params } = JSON.parse(body);
    if (id === undefined) return response.writeHead(202).end();
    const headers = { 'content-type': 'application/json' };
    const session = method === 'initialize' ? randomUUID() : request.headers['mcp-session-id'];
    if (session !== undefined) headers['mcp-session-id'] = session;
    const results = {
      initialize: () => ({
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'nodes', version: '1.0.0' },
      }),
      'tools/list': () => ({ tools: [{ name: 'now', inputSchema: { type: 'object' } }] }),
      'tools/call': () => ({ content: [{ type: 'text', text: String(Date.now()) }] }),
    };
    const result = (results[method] ?? (() => ({})))();
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

/**
 * A client: sessions through the Service at $URL, then one request each $EVERY_MS on a connection of its own, for $SECONDS.
 * Prints \`ready\`, and at the end one line of JSON, see {@link Report}.
 */
export const CLIENT = `
const { request } = require('node:http');
const { setTimeout: pause } = require('node:timers/promises');
const { URL: url, SECONDS, EVERY_MS, SESSIONS, TIMEOUT_MS } = process.env;
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
  const sessions = [];
  while (sessions.length < Number(SESSIONS)) sessions.push(await open());
  console.log('ready');
  const begun = Date.now();
  const failures = [];
  const pending = new Set();
  let calls = 0;
  let slowestMs = 0;
  const call = async (number) => {
    const at = Date.now() - begun;
    const fail = (why) => failures.push({ at, why });
    try {
      const { status, text } = await post(
        { id: number, method: 'tools/call', params: { name: 'now', arguments: {} } },
        sessions[number % sessions.length],
      );
      if (status !== 200 || !text.includes('"result"')) fail(status + ' ' + text.slice(0, 200));
      else slowestMs = Math.max(slowestMs, Date.now() - begun - at);
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
  for (const session of sessions) {
    const { status } = await post({ id: 'last', method: 'tools/call', params: { name: 'now', arguments: {} } }, session);
    if (status !== 200) lost.push(session + ' ' + status);
  }
  console.log(JSON.stringify({ calls, slowestMs, failures: failures.sort((a, b) => a.at - b.at), lost }));
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
}

/** From the first to the last failed call, by the client's own clock. */
export function outageMs({ failures }: Report): number {
  const [first, last] = [failures[0], failures.at(-1)];
  return first === undefined || last === undefined ? 0 : last.at - first.at;
}
