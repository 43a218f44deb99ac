/** POST to a collection and PUT of an object. */
import type { Answer, Api, ApiRequest } from './context.ts';
import { readObject, toObject } from './decode.ts';
import { checkName } from './preconditions.ts';
import { notFound } from './status.ts';
import { createObject, findLive, updateObject, writeMode } from './write.ts';

export async function createResource(api: Api, request: ApiRequest): Promise<Answer> {
  const object = toObject(request, await readObject(request));
  const mode = writeMode(request, 'CreateOptions');
  const stored = createObject(api, request, object, mode);
  return { kind: 'object', code: 201, object: stored };
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
