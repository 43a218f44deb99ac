/** Which form of an answer the client wants: plain objects, Tables, metadata only, JSON or YAML. */
import type { IncomingHttpHeaders } from 'node:http';
import { JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE } from './decode.ts';
import { notAcceptable } from './status.ts';

export interface Accepted {
  readonly form: 'object' | 'table' | 'metadata';
  readonly encoding: 'json' | 'yaml';
}

export interface MediaType {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The media types of an Accept header, most wanted first (by quality, then in the order written). */
export function mediaTypes(header: string | undefined): MediaType[] {
  const parsed = (header ?? '*/*').split(',').map((part) => {
    const [type = '', ...rest] = part.split(';').map((piece) => piece.trim());
    const parameters = Object.fromEntries(
      rest.map((piece) => {
        const [name = '', value = ''] = piece.split('=');
        return [name.toLowerCase(), value];
      }),
    );
    return { type: type.toLowerCase(), parameters };
  });
  const quality = (one: MediaType): number => Number(one.parameters['q'] ?? '1');
  return parsed.toSorted((a, b) => quality(b) - quality(a));
}

/** The first acceptable form. Throws 406 when there is none. Protobuf is never chosen: every client falls back to JSON. */
export function negotiate(headers: IncomingHttpHeaders, tables = true): Accepted {
  for (const { type, parameters } of mediaTypes(headers.accept)) {
    const encoding = encodingOf(type);
    if (encoding === undefined) continue;
    const as = parameters['as'];
    if (as === undefined || as === '') return { form: 'object', encoding };
    if (parameters['g'] !== 'meta.k8s.io' || parameters['v'] !== 'v1') continue;
    if (as === 'Table' && tables) return { form: 'table', encoding };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'metadata', encoding };
    }
  }
  throw notAcceptable([JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE]);
}

function encodingOf(type: string): 'json' | 'yaml' | undefined {
  if (type === JSON_TYPE || type === '*/*' || type === 'application/*') return 'json';
  return type === YAML_TYPE ? 'yaml' : undefined;
}
