/** Nominal types: values that share a representation but must not be mixed. */
declare const brand: unique symbol;

/** `Base` that only a checked constructor of `Name` can produce. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
