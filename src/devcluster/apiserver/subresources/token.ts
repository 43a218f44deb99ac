/** `serviceaccounts/NAME/token`: a TokenRequest is answered with a token, bound to a pod or a Secret if it says so. */
import { timeText } from '../../../std/index.ts';
import { builtinSchema } from '../../schema/index.ts';
import { TOKEN_SECONDS, tokenClaims, type TokenInput } from '../../core/index.ts';
import type { ObjectKey, StoredObject } from '../../objects/index.ts';
import type { Answer, Api, ApiRequest } from '../context.ts';
import { readObject, toObject } from '../decode.ts';
import { newUid } from '../identity.ts';
import { asObject, asText, child, specOf, type JsonObject } from '../json.ts';
import type { ResourceDefinition } from '../registry.ts';
import { badRequest, conflict, invalid, notFound } from '../status.ts';
import { createStrategy, problem } from '../strategy.ts';
import { checkNamespace } from '../preconditions.ts';
import { requireLive, trackUpdate, writeMode } from '../write.ts';

const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' } as const;

/** Issues a token; refuses as the real server does. */
export async function requestToken(api: Api, request: ApiRequest): Promise<Answer> {
  const asked = { ...request, definition: requestDefinition(request.definition) };
  const review = toObject(asked, await readObject(asked), asked.definition);
  const mode = writeMode(request, 'CreateOptions');
  checkNamespace(review, request);
  const named = review.metadata.name ?? '';
  if (named !== '' && named !== request.name) {
    const detail = 'must match the service account name if specified';
    throw invalid(KIND, request.name, [problem.invalid('metadata.name', named, detail)]);
  }
  const spec = child(review, 'spec');
  spec['expirationSeconds'] ??= TOKEN_SECONDS.default;
  const tracked = trackUpdate(api, asked, undefined, review, mode);
  const account = requireLive(api, request);
  const seconds = checkedSeconds(spec['expirationSeconds']);
  const audiences = (spec['audiences'] as readonly string[] | undefined) ?? [api.tokens.issuer];
  const ref = spec['boundObjectRef'] as JsonObject | null | undefined;
  const bound = ref === undefined || ref === null ? {} : boundTo(api, request, ref);
  const now = Math.floor(api.clock.wall() / 1000);
  const token = await api.tokens.sign(
    tokenClaims({
      issuer: api.tokens.issuer,
      id: newUid(api.random),
      audiences,
      ownAudiences: [api.tokens.issuer],
      seconds,
      nowSeconds: now,
      namespace: request.namespace,
      account: refOf(account),
      ...bound,
    }),
  );
  const managedFields = withoutReference(tracked.metadata.managedFields);
  const object = {
    ...review,
    metadata: {
      ...account.metadata,
      ...{ resourceVersion: undefined, labels: undefined, annotations: undefined },
      creationTimestamp: timeText(now * 1000),
      ...(managedFields && { managedFields }),
    },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: ref ?? null },
    status: { token, expirationTimestamp: timeText((now + seconds) * 1000) },
  };
  return { kind: 'object', code: 201, object: object as unknown as StoredObject };
}

/** In Go the reference of an empty request is there, as null: whoever fills it does not own its existence. */
function withoutReference(entries: StoredObject['metadata']['managedFields']): typeof entries {
  for (const entry of entries ?? []) {
    const spec = asObject(asObject(entry.fieldsV1)['f:spec']);
    delete asObject(spec['f:boundObjectRef'])['.'];
  }
  return entries;
}

/** The body is of another kind than the resource it is sent to. */
function requestDefinition(definition: ResourceDefinition): ResourceDefinition {
  return {
    ...definition,
    ...KIND,
    version: 'v1',
    schema: builtinSchema(KIND.group, 'v1', KIND.kind),
    strategy: createStrategy({}),
  };
}

function checkedSeconds(value: unknown): number {
  const field = 'spec.expirationSeconds';
  const seconds = Number(value);
  const detail =
    seconds < TOKEN_SECONDS.min
      ? 'may not specify a duration less than 10 minutes'
      : 'may not specify a duration larger than 2^32 seconds';
  if (seconds < TOKEN_SECONDS.min || seconds > TOKEN_SECONDS.max)
    throw invalid(KIND, '', [problem.invalid(field, seconds, detail)]);
  return seconds;
}

const refOf = ({ metadata }: StoredObject): { name: string; uid: string } => ({
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
});

/** The object that the token shall not outlive, and for a pod its node. */
function boundTo(
  api: Api,
  request: ApiRequest,
  ref: JsonObject,
): Pick<TokenInput, 'pod' | 'node' | 'secret'> {
  const [kind, apiVersion, name] = [ref['kind'], ref['apiVersion'], ref['name']].map(asText) as [
    string,
    string,
    string,
  ];
  const plural = { Pod: 'pods', Secret: 'secrets' }[apiVersion.includes('/') ? '' : kind];
  if (plural === undefined)
    throw badRequest(`cannot bind token to object of type ${goTypeName(apiVersion, kind)}`);
  const object = find(api, { resource: plural, namespace: request.namespace, name });
  if (object === undefined) throw notFound({ group: '', plural, kind }, name);
  if (kind === 'Pod' && asText(specOf(object)['serviceAccountName']) !== request.name)
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(request.name)} to pod running with different serviceaccount name.`,
    );
  const uid = asText(ref['uid']);
  if (uid !== '' && uid !== object.metadata.uid) {
    throw conflict(
      { group: '', plural: kind, kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (kind === 'Secret') return { secret: refOf(object) };
  const nodeName = asText(asObject(object['spec'])['nodeName']);
  if (nodeName === '') return { pod: refOf(object) };
  const node = find(api, { resource: 'nodes', namespace: '', name: nodeName });
  const nodeUid = node?.metadata.uid;
  return {
    pod: refOf(object),
    node: { name: nodeName, ...(nodeUid !== undefined && { uid: nodeUid }) },
  };
}

const find = (api: Api, key: ObjectKey): StoredObject | undefined => api.store.get(key);

/** As Go prints a group, version and kind. */
function goTypeName(apiVersion: string, kind: string): string {
  const path = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  return `${path}, Kind=${kind}`;
}
