/** TypeScript client 1.x. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { CALL_TIMEOUT_MS, voiceOf } from './kinds.ts';
import { createTicks, expectText, type OpenSession } from './session.ts';

const WATCHED_URI = 'test://watched-resource';

export const openTs1: OpenSession = async (url, number) => {
  const client = new Client(
    { name: `soak-${number}`, version: '1' },
    { capabilities: { sampling: {}, elicitation: {} } },
  );
  const updates = createTicks();
  const voice = voiceOf(number);
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant',
    content: { type: 'text', text: voice },
  }));
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { username: voice, email: 'someone@example.org' },
  }));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, () => updates.tick());
  const transport = new StreamableHTTPClientTransport(url);
  const options = { timeout: CALL_TIMEOUT_MS };
  await client.connect(transport, options);
  const tool = (name: string, input: object): Promise<object> =>
    client.callTool({ name, arguments: { ...input } }, undefined, options);
  const lasting = async (name: string, mark: string): Promise<void> => {
    const input = { what: mark, steps: 3, stepMs: 40 };
    const progress = { ...options, onprogress: () => undefined };
    expectText(await client.callTool({ name, arguments: input }, undefined, progress), mark);
  };
  let subscribed = false;
  return {
    id: () => transport.sessionId,
    close: () => client.close(),
    async call(kind, mark) {
      switch (kind) {
        case 'echo':
          return expectText(await tool('echo', { message: mark }), mark);
        case 'list tools':
          await client.listTools({}, options);
          return;
        case 'progress':
          return lasting('lasting_read', mark);
        case 'record':
          return expectText(await tool('record', { what: mark }), mark);
        case 'lasting record':
          return lasting('lasting_record', mark);
        case 'sampling':
          return expectText(await tool('test_sampling', { prompt: mark }), voice);
        case 'elicitation':
          return expectText(await tool('test_elicitation', { message: mark }), voice);
        case 'subscription': {
          if (!subscribed) await client.subscribeResource({ uri: WATCHED_URI }, options);
          subscribed = true;
          const updated = updates.next(CALL_TIMEOUT_MS);
          updated.catch(() => undefined);
          await tool('touch_resource', {});
          return updated;
        }
      }
    },
  };
};
