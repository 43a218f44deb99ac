/** `namespaces/NAME/finalize`: the namespace controller takes its finalizer away when the namespace is empty. */
import type { Answer, Api, ApiRequest } from '../context.ts';
import { readObject, toObject } from '../decode.ts';
import { asObject, child, clone } from '../json.ts';
import { conflict } from '../status.ts';
import { commit, requireLive, writeMode } from '../write.ts';

export async function finalizeNamespace(api: Api, request: ApiRequest): Promise<Answer> {
  const sent = toObject(request, await readObject(request));
  const live = requireLive(api, request);
  const version = sent.metadata.resourceVersion ?? '';
  if (version !== '' && version !== live.metadata.resourceVersion) {
    throw conflict(
      request.definition,
      request.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
  const next = clone(live);
  const finalizers = asObject(sent['spec'])['finalizers'];
  const spec = child(next, 'spec');
  if (Array.isArray(finalizers) && finalizers.length > 0) spec['finalizers'] = finalizers;
  else delete spec['finalizers'];
  const stored = commit(api, request.definition, live, next, writeMode(request).dryRun);
  return { kind: 'object', code: 200, object: stored };
}
