/**
 * What one document may be. Each limit is checked before the work it bounds is done.
 */

/** Largest file of documents, bytes of UTF-8. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Largest definition or resource, bytes of UTF-8 as written. */
export const DEFINITION_BYTES_MAX = 1024 * 1024;

/** Most documents in one file. */
export const DOCUMENTS_MAX = 1_000;

/** Most levels of lists and objects within one another. */
export const DEPTH_MAX = 128;

/** Most values in a document, aliases counted as often as they are used. */
export const VALUES_MAX = 100_000;

/** Tasks of a document above which no further function is written out where it is called. */
export const PLANNED_TASKS_MAX = 10_000;

/** Most schemas that one document has fetched from elsewhere. */
export const FETCHED_SCHEMAS_MAX = 100;

/** Most functions that one document has fetched from elsewhere. */
export const FETCHED_FUNCTIONS_MAX = 50;

/** Most branches of one fork. */
export const FORK_BRANCHES_MAX = 10_000;

/** Most problems reported for one file; what follows the first ones is seldom worth reading. */
export const PROBLEMS_MAX = 50;

/** Longest message of a problem, UTF-16 code units; documents may have names of any length. */
export const MESSAGE_LENGTH_MAX = 500;

/** Most JSON Schemas kept compiled for the next document that has the same ones. */
export const COMPILED_SCHEMAS_MAX = 256;
