/** What the gateway must know about each method, as one table for both eras. */

export interface MethodTraits {
  /** Sending it twice has the effect of sending it once, so a lost one may be repeated elsewhere. */
  readonly idempotent: boolean;
  /** Its answer may take long and carry other messages before it. */
  readonly streaming: boolean;
  /** It leaves state in the server's session that a move must replay. */
  readonly sessionScoped: boolean;
}

const traits = (flags: string): MethodTraits => ({
  idempotent: flags.includes('i'),
  streaming: flags.includes('s'),
  sessionScoped: flags.includes('c'),
});

/** Client → server requests; i = idempotent, s = streaming, c = changes the session. */
const METHODS: Readonly<Record<string, MethodTraits>> = {
  initialize: traits('c'),
  ping: traits('i'),
  'completion/complete': traits('i'),
  'logging/setLevel': traits('ic'),
  'prompts/get': traits('i'),
  'prompts/list': traits('i'),
  'resources/list': traits('i'),
  'resources/read': traits('is'),
  'resources/subscribe': traits('ic'),
  'resources/templates/list': traits('i'),
  'resources/unsubscribe': traits('ic'),
  'server/discover': traits('i'),
  'subscriptions/listen': traits('is'),
  'tasks/cancel': traits('i'),
  'tasks/get': traits('i'),
  'tasks/list': traits('i'),
  'tasks/result': traits('is'),
  'tasks/update': traits(''),
  'tools/call': traits('s'),
  'tools/list': traits('i'),
};

/** What 2026-07-28 took away; a request or notification that uses one of them in that era is refused. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'logging/setLevel',
  'notifications/initialized',
  'notifications/roots/list_changed',
  'ping',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** True for a method that exists with sessions only. */
export function isRemovedMethod(method: string): boolean {
  return REMOVED.has(method);
}

/** An unknown method may do anything: never repeated. */
const UNKNOWN = traits('s');

/** The traits of a client → server method; unknown ones count as streaming and not idempotent. */
export function methodTraits(method: string): MethodTraits {
  return Object.hasOwn(METHODS, method) ? (METHODS[method] ?? UNKNOWN) : UNKNOWN;
}

/** The method's name if it is one of the protocol's, else `other`: keeps metric labels few. */
export function methodLabel(method: string): string {
  if (Object.hasOwn(METHODS, method)) return method;
  return NOTIFICATIONS.has(method) ? method : 'other';
}

const NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
]);
