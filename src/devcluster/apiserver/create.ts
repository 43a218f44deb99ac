/** POST to a collection and PUT of an object. */
import { delay } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { Answer, Api, ApiRequest } from './context.ts';
import { readObject, toObject } from './decode.ts';
import { asText, specOf } from './json.ts';
import { DEFAULT_ACCOUNT } from './kinds/pod-account.ts';
import { checkName } from './preconditions.ts';
import { notFound } from './status.ts';
import { createObject, findLive, updateObject, writeMode } from './write.ts';

export async function createResource(api: Api, request: ApiRequest): Promise<Answer> {
  const object = toObject(request, await readObject(request));
  const mode = writeMode(request, 'CreateOptions');
  if (request.definition.storage === 'pods') await untilAccount(api, request, object);
  const stored = createObject(api, request, object, mode);
  return { kind: 'object', code: 201, object: stored };
}

/** The account that a controller gives every namespace comes a moment after it: a pod that needs it waits so long. */
const ACCOUNT_WAIT = { tries: 10, eachMs: 150 } as const;

async function untilAccount(api: Api, request: ApiRequest, pod: StoredObject): Promise<void> {
  const name = asText(specOf(pod)['serviceAccountName']) || DEFAULT_ACCOUNT;
  if (name !== DEFAULT_ACCOUNT) return;
  const key = { resource: 'serviceaccounts', namespace: request.namespace, name };
  for (let left = ACCOUNT_WAIT.tries; left > 0 && api.store.get(key) === undefined; left--)
    await delay(api.clock, ACCOUNT_WAIT.eachMs, request.signal);
}

/** Replaces an object; a few kinds are created when they do not exist. */
export async function replaceResource(api: Api, request: ApiRequest): Promise<Answer> {
  const object = toObject(request, await readObject(request));
  const mode = writeMode(request);
  checkName(object, request);
  const live = findLive(api, request);
  if (live !== undefined) {
    return { kind: 'object', code: 200, object: updateObject(api, request, live, object, mode) };
  }
  if (!request.definition.strategy.createOnUpdate || request.subresource !== '') {
    throw notFound(request.definition, request.name);
  }
  return { kind: 'object', code: 201, object: createObject(api, request, object, mode) };
}
