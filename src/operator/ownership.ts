/** Objects of a name that a cluster needs: its own, or somebody else's and left alone. */
import { foreignSentence, ownershipOf, type AnyObject, type Owner } from './core/index.ts';

/** An object of the name we need belongs to somebody else; it is left alone. */
export class ForeignObjectError extends Error {
  override readonly name = 'ForeignObjectError';
  constructor(object: AnyObject, owner: string) {
    super(foreignSentence({ kind: object.kind, name: object.metadata.name ?? '' }, owner));
  }
}

/** Throws {@link ForeignObjectError} when `live` is somebody else's than `owner`'s. */
export function refuseForeign(live: AnyObject, owner: Owner): void {
  const ownership = ownershipOf(live, owner);
  if (ownership.kind === 'foreign') throw new ForeignObjectError(live, ownership.owner);
}
