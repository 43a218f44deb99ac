/** The same requests for any Kubernetes API: what ours and a real one answer is compared, reply by reply. */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { CHAPTERS, type Call, type Until } from './chapters/index.ts';
import { widgetDefinition, WIDGETS, type Body, type Endpoint, type Reply } from './fixture.ts';

export interface Exchange {
  readonly request: string;
  readonly status: number;
  readonly body: Body;
}

/** Holds every conversation with `endpoint` and returns all replies, without what differs from run to run. */
export async function converse(endpoint: Endpoint, only?: string): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  const call: Call = async (method, path, body, options) => {
    const reply = await endpoint.call(method, path, body, options);
    const sent = body === undefined ? '' : ` ${JSON.stringify(body).slice(0, 300)}`;
    exchanges.push({
      request: `${method} ${path.replace(/continue=.*/, 'continue=<continue>')}${sent}`,
      status: reply.status,
      body: normalized(reply.body),
    });
    return reply;
  };
  const until: Until = async (path, body, is) => {
    while (!is(await endpoint.call('POST', path, body)));
  };
  for (const [name, chapter] of Object.entries(CHAPTERS)) {
    if (only === undefined || only === name) await chapter(call, until);
  }
  return exchanges;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const ADDRESS = /10\.96\.\d+\.\d+/g;

/** What differs from run to run, and Go's way to print a value or a difference inside a sentence. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [UID, '<uid>'],
  [TIME, '<time>'],
  [ADDRESS, '<address>'],
  [/in record \(\d+\)/g, 'in record (<version>)'],
  [/StorageError: .* AdditionalErrorMsg: /g, ''],
  [/patch: Invalid value: "\{.*\}": /g, 'patch: Invalid value: <object>: '],
  [/^Invalid value: "\{.*\}": /g, 'Invalid value: <object>: '],
  [/Invalid value: \{.*?\}: /g, 'Invalid value: <object>: '],
  [/\n@@ [^]*$/g, ''],
  [/^kube-api-access-[a-z0-9]{5}$/, 'kube-api-access-<suffix>'],
  // Why a signature is wrong, each library says in its own words.
  [/(invalid bearer token, )(go-jose|the signature)[^\]]*/, '$1<signature>'],
];

/** Takes out ids, instants, versions and addresses, and the traces of admission plugins that we do not have. */
function normalized(value: Body, field = ''): Body {
  if (typeof value === 'string') {
    if (field === 'token') return normalizedToken(value);
    if (field === 'resourceVersion' || field === 'continue') return `<${field}>`;
    return TEXTS.reduce((text, [pattern, name]) => text.replace(pattern, name), value);
  }
  if (typeof value === 'number') return field === 'nodePort' ? '<port>' : value;
  if (Array.isArray(value)) return normalizedList(value, field);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, member]) => !isLeftOut(key, member, value))
    .map(([key, member]) => [key, normalized(member, key)] as const);
  return Object.fromEntries(entries);
}

/** A token as what it says, its instants counted from its issue, its key without the key's name. */
function normalizedToken(text: string): Body {
  try {
    const { exp = 0, iat = 0, nbf = 0, ...claims } = decodeJwt<Body>(text);
    const own = claims['kubernetes.io'];
    const after = own.warnafter === undefined ? {} : { warnafter: own.warnafter - iat };
    const { alg } = decodeProtectedHeader(text);
    const relative = { alg, exp: exp - iat, nbf: nbf - iat };
    return normalized({ ...claims, ...relative, 'kubernetes.io': { ...own, ...after } });
  } catch {
    return text;
  }
}

/** Causes come in the order of Go's maps, some of them twice; managers in the order of their times. */
function normalizedList(list: readonly Body[], field: string): Body[] {
  const items = list.map((item) => normalized(item, field));
  if (field !== 'causes' && field !== 'managedFields') return items;
  const texts = items.map((item) => JSON.stringify(field === 'causes' ? item : managerEntry(item)));
  return [...new Set(texts)].toSorted().map((text) => JSON.parse(text));
}

/** An entry of managedFields without its time, which the real server leaves out after a scale. */
function managerEntry(entry: Body): Body {
  const { manager, operation, apiVersion, subresource = '', fieldsType, fieldsV1 } = entry;
  return { manager, operation, subresource, apiVersion, fieldsType, fieldsV1 };
}

/** The message repeats the causes; a resource's storage hash says nothing about behaviour. */
function isLeftOut(key: string, member: Body, holder: Body): boolean {
  const causes: Body[] = holder.details?.causes ?? [];
  if (key === 'message' && new Set(causes.map((one) => one.message)).size > 1) return true;
  return key === 'storageVersionHash' || isAdmission(key, member);
}

/**
 * StorageObjectInUseProtection and TaintNodesByCondition add what only controllers outside the API server take away
 * again; in the laptop cluster neither exists.
 */
function isAdmission(key: string, value: Body): boolean {
  const text = JSON.stringify(value);
  if (key === 'finalizers') return /^\["kubernetes.io\/pv[c]?-protection"\]$/.test(text);
  return key === 'taints' && text.includes('node.kubernetes.io/not-ready');
}

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

async function untilEstablished(call: Call): Promise<void> {
  for (;;) {
    const { body } = await call('GET', `${definitions}/widgets.example.com`);
    const conditions: Body[] = body.status.conditions ?? [];
    if (conditions.some((one) => one.type === 'Established' && one.status === 'True')) return;
  }
}

/** The real server needs a moment more between `Established` and serving. */
async function untilServed(endpoint: Call): Promise<Reply> {
  for (;;) {
    const reply = await endpoint('GET', WIDGETS);
    if (reply.status === 200) return reply;
  }
}

/** Installs what the chapters about custom resources need and waits until it is served. */
export async function prepare(endpoint: Endpoint): Promise<void> {
  const call: Call = (...args) => endpoint.call(...args);
  await call('POST', definitions, widgetDefinition);
  await untilEstablished(call);
  await untilServed(call);
  // Else a controller's work, which neither server has beside it here.
  await call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    metadata: { name: 'default' },
  });
}
