/** `subscriptions/listen` at the front: how many there are, and that they end in good order when this pod does. */
import { MCP_ERRORS, mcpError } from '../../mcp/index.ts';
import { plain, requestIdOf, type Handler } from '../exchange.ts';
import { problem } from './pursue.ts';
import { Subscription, type ListenOptions } from './subscription.ts';

export interface Listens {
  readonly handle: Handler;
  /** Ends every subscription in good order: the clients subscribe anew at other pods. */
  drain(): void;
}

export function createListens(options: ListenOptions): Listens {
  const { limits, metrics } = options;
  const open = new Set<Subscription>();
  let draining = false;
  return {
    async handle(exchange) {
      const id = requestIdOf(exchange);
      // A notification of that name asks for nothing.
      if (id === null) return plain(202, '');
      exchange.signal.throwIfAborted();
      if (draining) return problem(exchange, mcpError(MCP_ERRORS.unavailable));
      if (open.size >= limits.listensMax) {
        metrics.limited.inc({ limit: 'listensMax' });
        return problem(exchange, mcpError(MCP_ERRORS.tooManyListens), 1_000);
      }
      const subscription = new Subscription(options, exchange, id);
      open.add(subscription);
      metrics.listens.set(open.size);
      void subscription.ended.then(() => {
        open.delete(subscription);
        metrics.listens.set(open.size);
      });
      return subscription.open();
    },
    drain() {
      draining = true;
      for (const subscription of [...open]) subscription.complete();
    },
  };
}
