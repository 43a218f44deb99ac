/** Questions about access: whoever got in may do everything, so every review says yes. */
import { timeText } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { Answer, Api, ApiRequest, User } from './context.ts';
import { readObject, toObject } from './decode.ts';
import { asText, specOf } from './json.ts';
import { badRequest } from './status.ts';
import { authenticateToken } from './tokens/authenticate-token.ts';
import { trackUpdate, writeMode } from './write.ts';

/** Self-, local and plain subject access reviews. */
export async function reviewAccess(_api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  return answer(review, { allowed: true, reason: 'everybody who is let in may do everything' });
}

/** Whether a token is good for one of the asked audiences (the server's own without any), and whose it is. */
export async function reviewToken(api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  const spec = specOf(review);
  const token = asText(spec['token']);
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const tracked = trackUpdate(api, request, undefined, review, writeMode(request, 'CreateOptions'));
  const asked = (spec['audiences'] as readonly string[] | undefined) ?? [];
  const audiences = asked.length === 0 ? [api.tokens.issuer] : asked;
  const verdict = await authenticateToken(api, token, audiences);
  if (!verdict.ok) return answer(tracked, { user: {}, error: verdict.error });
  return answer(tracked, {
    authenticated: true,
    user: userInfo(verdict.value.user),
    audiences: verdict.value.audiences,
  });
}

/** Who the caller is. */
export async function reviewSelf(api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  review.metadata.creationTimestamp = timeText(api.now().getTime());
  return answer(review, { userInfo: userInfo(request.user) });
}

const userInfo = ({ name: username, uid, groups, extra }: User): unknown => ({
  username,
  ...(uid !== undefined && { uid }),
  groups,
  ...(extra && { extra }),
});

function answer(review: StoredObject, status: unknown): Answer {
  return { kind: 'object', code: 201, object: { ...review, status } };
}
