/** What one row of the requirements says. */
export interface Requirement {
  /** One sentence a user could hold us to. */
  readonly sentence: string;
  /** Where the guarantee comes from: a specification page, a paper's section, a fact, or `design`. */
  readonly source: string;
}
