/** Questions about access: whoever got in may do everything, so every review says yes. */
import type { StoredObject } from '../objects/index.ts';
import type { Answer, Api, ApiRequest } from './context.ts';
import { readObject, toObject } from './decode.ts';
import { asText, specOf } from './json.ts';

/** Self-, local and plain subject access reviews. */
export async function reviewAccess(_api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  return answer(review, { allowed: true, reason: 'everybody who is let in may do everything' });
}

/** Tokens of service accounts are not issued here, so none is valid. */
export async function reviewToken(_api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  const token = asText(specOf(review)['token']);
  const error = token === '' ? 'no token given' : 'invalid bearer token';
  return answer(review, { user: {}, error });
}

/** Who the caller is. */
export async function reviewSelf(_api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  const { name: username, groups } = request.user;
  return answer(review, { userInfo: { username, groups } });
}

function answer(review: StoredObject, status: unknown): Answer {
  return { kind: 'object', code: 201, object: { ...review, status } };
}
