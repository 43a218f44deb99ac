/**
 * The floor: a bare proxy of the same node:http server and undici client as the gateway, without anything a gateway is for.
 * What it costs beside nginx is the libraries' part of what ours costs.
 */
import { createServer, type ServerResponse } from 'node:http';
import { Agent, type Dispatcher } from 'undici';

const { PORT = '0', TARGET = '' } = process.env;
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
/** Of one connection only. */
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'transfer-encoding',
]);

class Answering implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #chunks: Uint8Array[] = [];
  #status = 0;
  #headers: string[] = [];

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Undici calls it, whatever its types say. */
  onRequestStart(): void {}

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    for (const name of Object.keys(headers))
      if (!DROPPED.has(name) && name !== 'date') this.#headers.push(name, String(headers[name]));
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body = Buffer.concat(this.#chunks);
    this.#headers.push('content-length', String(body.length));
    this.#response.writeHead(this.#status, this.#headers).end(body);
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

createServer((request, response) => {
  const chunks: Uint8Array[] = [];
  request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  request.on('end', () => {
    const { rawHeaders, method = 'GET', url = '/' } = request;
    const headers: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = (rawHeaders[i] as string).toLowerCase();
      if (!DROPPED.has(name)) headers.push(name, rawHeaders[i + 1] as string);
    }
    const body = chunks.length === 0 ? null : Buffer.concat(chunks);
    agent.dispatch({ origin: TARGET, path: url, method, headers, body }, new Answering(response));
  });
}).listen(Number(PORT), '127.0.0.1');
