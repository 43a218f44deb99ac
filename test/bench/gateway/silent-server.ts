/** An MCP server whose streams stay silent: `initialize` opens a session, GET a stream. Listens on `PORT`. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const ANSWER = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    serverInfo: { name: 'silent', version: '1' },
  },
});

createServer((request, response) => {
  if (request.method === 'GET' && request.headers['mcp-session-id'] !== undefined) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': open\n\n');
    return;
  }
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': randomUUID() });
  response.end(ANSWER);
}).listen(Number(process.env['PORT']), '127.0.0.1');
