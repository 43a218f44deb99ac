/** TypeScript client 2.x, in either era. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { CALL_TIMEOUT_MS, voiceOf } from './kinds.ts';
import { createTicks, expectText, type OpenSession } from './session.ts';

const WATCHED_URI = 'test://watched-resource';
/** Tools that ask in the middle of a call, and those that ask by their result. */
const ASKING = {
  legacy: { sampling: 'test_sampling', elicitation: 'test_elicitation' },
  modern: {
    sampling: 'test_input_required_result_sampling',
    elicitation: 'test_input_required_result_elicitation',
  },
} as const;

export const openTs2 =
  (era: 'legacy' | 'modern'): OpenSession =>
  async (url, number) => {
    const client = new Client(
      { name: `soak-${number}`, version: '1' },
      {
        capabilities: { sampling: {}, elicitation: {} },
        versionNegotiation: { mode: era === 'legacy' ? 'legacy' : 'auto' },
      },
    );
    const updates = createTicks();
    const voice = voiceOf(number);
    client.setRequestHandler('sampling/createMessage', () => ({
      model: 'none',
      role: 'assistant',
      content: { type: 'text', text: voice },
    }));
    client.setRequestHandler('elicitation/create', () => ({
      action: 'accept',
      content: { username: voice, email: 'someone@example.org', name: voice },
    }));
    client.setNotificationHandler('notifications/resources/updated', () => updates.tick());
    const transport = new StreamableHTTPClientTransport(url);
    const options = { timeout: CALL_TIMEOUT_MS };
    await client.connect(transport, options);
    const spoken = client.getProtocolEra();
    if (spoken !== era) throw new Error(`the client speaks the ${spoken} era, not the ${era} one`);
    const tool = (name: string, input: object): Promise<object> =>
      client.callTool({ name, arguments: { ...input } }, options);
    const lasting = async (name: string, mark: string): Promise<void> => {
      const input = { what: mark, steps: 3, stepMs: 40 };
      const progress = { ...options, onprogress: () => undefined };
      expectText(await client.callTool({ name, arguments: input }, progress), mark);
    };
    const subscribe = async (): Promise<void> => {
      if (era === 'legacy') {
        await client.subscribeResource({ uri: WATCHED_URI }, options);
        return;
      }
      const { closed } = await client.listen({ resourceSubscriptions: [WATCHED_URI] }, options);
      // The client itself does not listen again; whoever does so must look at everything anew.
      void closed.then(async (why) => {
        if (why === 'local') return;
        await subscribe();
        updates.tick();
      });
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
            await client.listTools({}, { ...options, cacheMode: 'bypass' });
            return;
          case 'progress':
            return lasting('lasting_read', mark);
          case 'record':
            return expectText(await tool('record', { what: mark }), mark);
          case 'lasting record':
            return lasting('lasting_record', mark);
          case 'sampling':
            return expectText(await tool(ASKING[era].sampling, { prompt: mark }), voice);
          case 'elicitation':
            return expectText(await tool(ASKING[era].elicitation, { message: mark }), voice);
          case 'subscription': {
            if (!subscribed) await subscribe();
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
