/** Questions that are answered instead of stored: who holds this token, who am I, may somebody do this. */
import { timeText } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { FieldProblem } from '../schema/index.ts';
import type { Answer, Api, ApiRequest, User } from './context.ts';
import { readObject, toObject } from './decode.ts';
import type { Attempt } from '../core/index.ts';
import { authorize } from './authorize.ts';
import { asObject, asText, specOf, type JsonObject } from './json.ts';
import { badRequest, invalid } from './status.ts';
import { problem } from './strategy.ts';
import { authenticateToken } from './tokens/authenticate-token.ts';
import { trackUpdate, writeMode } from './write.ts';

/** Whether the caller (self) or the named user (the others) may do what the review describes. */
export async function reviewAccess(api: Api, request: ApiRequest): Promise<Answer> {
  const review = toObject(request, await readObject(request));
  const tracked = trackUpdate(api, request, undefined, review, writeMode(request, 'CreateOptions'));
  const spec = specOf(review);
  const isSelf = request.definition.plural.startsWith('self');
  const attempt = attemptOfReview(request, spec, isSelf);
  const user = isSelf
    ? request.user
    : { name: asText(spec['user']), groups: textsOf(spec['groups']) };
  return answer(tracked, authorize(api, user, attempt));
}

const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : []).map((one) => String(one));

/** The real server names no kind here. */
const refusal = (problems: readonly FieldProblem[]): Error =>
  invalid({ group: 'authorization.k8s.io', kind: '' }, '', problems);

function attemptOfReview(request: ApiRequest, spec: JsonObject, isSelf: boolean): Attempt {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  const problems = [];
  if ((resource === undefined) === (path === undefined)) {
    const detail =
      resource === undefined
        ? 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
        : 'cannot be specified in combination with resourceAttributes';
    const value = resource === undefined ? null : path;
    const field = resource === undefined ? 'spec.resourceAttributes' : 'spec.nonResourceAttributes';
    problems.push(problem.invalid(field, value, detail));
  }
  if (!isSelf && asText(spec['user']) === '' && textsOf(spec['groups']).length === 0)
    problems.push(
      problem.invalid('spec.user', '', 'at least one of user or group must be specified'),
    );
  if (problems.length > 0) throw refusal(problems);
  const asked = asObject(resource ?? path);
  const text = (field: string): string => asText(asked[field]);
  if (resource === undefined) return { kind: 'path', verb: text('verb'), path: text('path') };
  if (request.namespace !== '' && text('namespace') !== request.namespace) {
    const field = 'spec.resourceAttributes.namespace';
    throw refusal([problem.invalid(field, text('namespace'), 'must match metadata.namespace')]);
  }
  return {
    kind: 'resource',
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
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
