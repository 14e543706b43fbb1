/** Names of organisations, connections, webhooks and other resources: labels as DNS has them (RFC 1123). */

export const NAME_PATTERN = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** Completes "a name must be …". */
export const NAME_RULE = 'made of lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends';
