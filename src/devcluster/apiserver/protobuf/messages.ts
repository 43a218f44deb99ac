/** The generated table of messages: which fields a kind has, in Go's and in protobuf's view. */
import messagesJson from './messages.json' with { type: 'json' };

/**
 * Number, JSON name (empty: its members belong to the parent), type (a scalar or a message), flags: r repeated, m map,
 * z a zero value is kept, n absent is null.
 */
export type Field = readonly [number: number, name: string, type: string, flags: string];

export interface Message {
  readonly name: string;
  readonly fields: readonly Field[];
}

const DATA = messagesJson as unknown as {
  readonly kinds: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, readonly Field[]>>;
};

/** The message of a kind, or (with one argument) of a full message name; undefined when it is not in the table. */
export function messageOf(apiVersionOrName: string, kind?: string): Message | undefined {
  // Options of a request come under the version of whatever they are for.
  const name =
    kind === undefined
      ? apiVersionOrName
      : (DATA.kinds[`${apiVersionOrName}/${kind}`] ?? DATA.kinds[kind]);
  const fields = name === undefined ? undefined : DATA.messages[name];
  return name === undefined || fields === undefined ? undefined : { name, fields };
}
