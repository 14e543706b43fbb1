import type { Finding, Rule } from '../tree.ts';

const DOCUMENT = 'docs/errors.md';
/** A heading or the first cell of a table row that is a reason in backticks. */
const ENTRY = /^(?:#{2,4} |\| )`([a-z][a-z0-9-]*)`/gm;

/** Every reason that a failure can have is explained to users, and no other. */
export const errorCatalogue = (reasons: readonly string[]): Rule => ({
  name: 'error-catalogue',
  check: (tree) => {
    const finding = (message: string): Finding => ({ rule: 'error-catalogue', severity: 'error', path: DOCUMENT, message });
    const text = tree.files.find((file) => file.path === DOCUMENT)?.text;
    if (text === undefined) return [finding('the document is missing')];
    const explained = new Set([...text.matchAll(ENTRY)].map((match) => match[1] as string));
    return [
      ...reasons.filter((reason) => !explained.has(reason)).map((reason) => finding(`does not explain \`${reason}\``)),
      ...[...explained].filter((reason) => !reasons.includes(reason)).map((reason) => finding(`explains \`${reason}\`, which is not in the catalogue`)),
    ];
  },
});
