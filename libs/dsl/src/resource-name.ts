/** Names of organisations, connections, webhooks and other resources: labels as DNS has them (RFC 1123). */

export const NAME_PATTERN = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** Completes "a name must be …". */
export const NAME_RULE = 'made of lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends';

/** Names of secrets within a connection. */
export const SECRET_NAME_PATTERN = /^[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,62})$/;

/** Completes "a secret's name must be …". */
export const SECRET_NAME_RULE = 'made of letters, digits, dots, dashes and underscores, at most 63, beginning with a letter or digit';
