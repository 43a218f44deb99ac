/** Read-only probes of another pod's MCP server, all the way a request would go. */
import { plain, refused, type OwnerReply, type ServeOwner } from '../exchange.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import type { Upstream } from '../upstream.ts';

/** Asks a pod whether its MCP server answers. */
export function createProbe(ask: AskNode): (node: string, signal: AbortSignal) => Promise<boolean> {
  return async (node, signal) => {
    const reply = await ask(node, PROBE, signal);
    return reply.type === 'plain' && reply.status === 204;
  };
}

const PROBE = { op: 'probe', sessionId: '', epoch: 0, headers: {}, body: '' } as const;

/** Answers probes of other pods, and leaves everything else to `serve`. */
export function answerProbes(serve: ServeOwner, upstream: Pick<Upstream, 'probe'>): ServeOwner {
  const probe = async (signal: AbortSignal): Promise<OwnerReply> =>
    (await upstream.probe(signal)) ? plain(204, '') : refused('backend-down', true);
  return (request, signal) => (request.op === 'probe' ? probe(signal) : serve(request, signal));
}
