/** What the gateway must know about each method of the 2025 era, as one table. */

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
  'tasks/cancel': traits('i'),
  'tasks/get': traits('i'),
  'tasks/list': traits('i'),
  'tasks/result': traits('is'),
  'tools/call': traits('s'),
  'tools/list': traits('i'),
};

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
