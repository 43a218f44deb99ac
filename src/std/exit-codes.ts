/** How processes of ours end when whoever started them can do something about it. */

/** A member's data cannot be used: it must come back as another member, with an empty volume (`EX_DATAERR` of sysexits). */
export const UNUSABLE_DATA_EXIT_CODE = 65;
