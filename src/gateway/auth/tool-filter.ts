/** Takes the tools that a principal may not call out of lists of tools, whichever way the list travels. */
import { isJsonObject, JSON_TYPE, mediaType } from '../../mcp/index.ts';
import type { Reply } from '../exchange.ts';
import { wholeReply } from '../pass-body.ts';
import type { OutgoingEvent } from '../ports.ts';

export type MayCall = (tool: string) => boolean;

/** The answer with its lists of tools shortened; pages, cursors and everything else stay. */
export async function filterReply(reply: Reply, mayCall: MayCall): Promise<Reply> {
  if (reply.type === 'stream') return { ...reply, events: filterEvents(reply.events, mayCall) };
  if (reply.type === 'body' && mediaType(reply.headers['content-type']) !== JSON_TYPE) return reply;
  const whole = await wholeReply(reply);
  return { ...whole, body: filterText(whole.body, mayCall) };
}

async function* filterEvents(
  events: AsyncIterable<OutgoingEvent>,
  mayCall: MayCall,
): AsyncGenerator<OutgoingEvent> {
  for await (const event of events) yield { ...event, data: filterText(event.data, mayCall) };
}

/** One JSON-RPC message or a batch as text; text without a list of tools comes back as it was. */
function filterText(text: string, mayCall: MayCall): string {
  if (!text.includes('tools') && !text.includes('\\u')) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const messages = Array.isArray(value) ? value : [value];
  const filtered = messages.map((message) => filterMessage(message, mayCall));
  if (filtered.every((message, index) => message === messages[index])) return text;
  return JSON.stringify(Array.isArray(value) ? filtered : filtered[0]);
}

function filterMessage(message: unknown, mayCall: MayCall): unknown {
  if (!isJsonObject(message) || !isJsonObject(message['result'])) return message;
  const { result } = message;
  if (!Array.isArray(result['tools'])) return message;
  const tools = result['tools'].filter(
    (tool) => isJsonObject(tool) && typeof tool['name'] === 'string' && mayCall(tool['name']),
  );
  // What remains is this principal's: nobody may keep it for others (2026-07-28, caching).
  const scope = result['cacheScope'] === undefined ? {} : { cacheScope: 'private' };
  return { ...message, result: { ...result, ...scope, tools } };
}
