/**
 * Our HTTP/1.1 beside Node's on the same bytes: what ours takes for a request, Node's takes for the same request, at the same
 * place in the bytes. Where ours is stricter it refuses and closes, so nothing can be smuggled past one of the two.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createNodeServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { createHttp1Server, type Http1Server } from '../../src/gateway/http1/server.ts';
import { systemClock } from '../../src/host/index.ts';
import { verifies } from '../requirements.ts';
import { exchangeBytes, seeded } from './raw-http.ts';

const CASES = Number(process.env['FUZZ_HEADS'] ?? 600);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const WAIT_MS = 150;
const BODY_MAX = 100_000;

interface Seen {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly body: string;
  readonly host: string | undefined;
  readonly session: string | undefined;
}

let ours: { readonly url: URL; readonly server: Server; readonly connections: Http1Server };
let nodes: { readonly url: URL; readonly server: ReturnType<typeof createNodeServer> };
/** Requests by the case they belong to, which each request names in a header that is not mutated. */
const seenByOurs = new Map<string, Seen[]>();
const seenByNode = new Map<string, Seen[]>();

const note = (seen: Map<string, Seen[]>, port: string, what: Seen): void => {
  seen.set(port, [...(seen.get(port) ?? []), what]);
};

before(async () => {
  const connections = createHttp1Server({
    limits: {
      headerBytesMax: () => 16_384,
      headMs: WAIT_MS,
      bodyMs: WAIT_MS,
      keepAliveMs: WAIT_MS,
      stalledMs: 5_000,
    },
    keepaliveMs: 1_000,
    async handle(request, answer) {
      const body = await request.readBody(BODY_MAX);
      const { method, target, headers } = request;
      note(seenByOurs, headers['x-case'] ?? 'lost', {
        ...{ method, target, body: Buffer.from(body ?? []).toString('latin1') },
        ...{ host: headers['host'], session: headers['mcp-session-id'] },
      });
      answer.send(200, {}, 'ok');
    },
    onError: () => undefined,
    onCutOff: () => undefined,
    clock: systemClock,
  });
  const server = createServer((socket) => connections.accept(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  ours = { url: new URL(`http://127.0.0.1:${port}`), server, connections };
  const node = createNodeServer(
    {
      ...{ headersTimeout: WAIT_MS, requestTimeout: WAIT_MS, keepAliveTimeout: WAIT_MS },
      ...{ keepAliveTimeoutBuffer: 1, connectionsCheckingInterval: WAIT_MS / 2 },
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        const { method, url: target, headers } = request;
        note(seenByNode, String(headers['x-case'] ?? 'lost'), {
          ...{ method, target, body: Buffer.concat(chunks).toString('latin1') },
          host: headers.host,
          session: headers['mcp-session-id'] as string | undefined,
        });
        response.end('ok');
      });
    },
  ).listen(0, '127.0.0.1');
  await once(node, 'listening');
  const address = node.address() as AddressInfo;
  nodes = { url: new URL(`http://127.0.0.1:${address.port}`), server: node };
});
after(() => {
  ours.connections.stop();
  ours.server.close();
  nodes.server.closeAllConnections();
  nodes.server.close();
});

type Pick = (bound: number) => number;

/** Bytes that make up requests, and bytes that should not. */
const PIECES = [
  '\r\n', '\n', '\r', ' ', '\t', ':', ';', ',', '\0', '\x0b', '\x7f', '\xa0', '\xff', '0', '5', '-1', '+3', '0x5',
  'Host: evil\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Content-Length: 3, 3\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: \tchunked\r\n', 'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding: xchunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'Transfer-Encoding:\r\n chunked\r\n',
  ' folded\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Expect: 100-continue\r\n',
  'Mcp-Session-Id: other\r\n', '5\r\nhello\r\n0\r\n\r\n', '0\r\n\r\n', '5;a=b\r\nhello\r\n', 'GET /x HTTP/1.1\r\n',
  'HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'http://x/', '*', '\r\n\r\n', '__proto__: x\r\n', 'Upgrade: h2c\r\n',
]; // prettier-ignore

/** A run of well-formed requests, damaged in up to four places. */
function damaged(pick: Pick, name: string): string {
  const one = (): string => {
    const lines = [`Host: x\r\nX-Case: ${name}\r\n`];
    const kind = pick(4);
    if (kind === 0) return `GET /a${pick(9)}?q=${pick(9)} HTTP/1.1\r\n${lines.join('')}\r\n`;
    if (kind === 1)
      return `POST /b HTTP/1.1\r\n${lines.join('')}Mcp-Session-Id: s${pick(9)}\r\nContent-Length: 5\r\n\r\nhello`;
    if (kind === 2)
      return `POST /c HTTP/1.1\r\n${lines.join('')}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n`;
    return `DELETE /d HTTP/1.${pick(2)}\r\n${lines.join('')}Connection: ${pick(2) === 0 ? 'keep-alive' : 'close'}\r\n\r\n`;
  };
  let text = Array.from({ length: 1 + pick(3) }, one).join('');
  for (let damage = pick(5); damage > 0; damage--) {
    const at = pick(text.length);
    const piece = PIECES[pick(PIECES.length)] as string;
    const cut = pick(3) === 0 ? 1 + pick(4) : 0;
    // At the beginning of a line as often as anywhere.
    const line = pick(2) === 0 ? text.lastIndexOf('\n', at) + 1 : at;
    text = text.slice(0, line) + piece + text.slice(line + cut);
  }
  return text;
}

test(verifies('gateway.http-strict'), async () => {
  const pick = seeded(SEED);
  const cases = Array.from({ length: CASES }, (_, index) => ({
    name: `case-${index}`,
    bytes: damaged(pick, `case-${index}`),
  }));
  const workers = Array.from({ length: 24 }, async () => {
    for (let next = cases.pop(); next !== undefined; next = cases.pop()) {
      const { name, bytes } = next;
      await Promise.all([exchangeBytes(ours.url, bytes), exchangeBytes(nodes.url, bytes)]);
      const mine = seenByOurs.get(name) ?? [];
      const theirs = seenByNode.get(name) ?? [];
      assert.deepEqual(
        mine.map(normal),
        theirs.slice(0, mine.length).map(normal),
        `seed ${SEED}, ${name}: ${JSON.stringify(bytes)}`,
      );
    }
  });
  await Promise.all(workers);
  const both = [...seenByOurs.values()].flat().length;
  assert.ok(both > CASES / 3, `only ${both} requests were accepted: the damage is too great`);
});

/** An absolute target is told to our handler as its path. */
function normal(seen: Seen): Seen {
  const target = seen.target?.replace(/^https?:\/\/[^/?]*/i, '') ?? '';
  return { ...seen, target: target.startsWith('/') || target === '*' ? target : `/${target}` };
}
