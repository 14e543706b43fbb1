import type { Finding, Rule } from '../tree.ts';

const DOCUMENT = 'docs/errors.md';

/** What the catalogue says of a reason, as far as the document repeats it. */
export interface CatalogueEntry {
  readonly code: string;
  readonly retry: { readonly kind: string };
}

/** Every reason that a failure can have is explained to users under its own heading, with its code and retry, and no other is. */
export const errorCatalogue = (catalogue: Readonly<Record<string, CatalogueEntry>>): Rule => ({
  name: 'error-catalogue',
  check: (tree) => {
    const finding = (message: string): Finding => ({ rule: 'error-catalogue', severity: 'error', path: DOCUMENT, message });
    const text = tree.files.find((file) => file.path === DOCUMENT)?.text;
    if (text === undefined) return [finding('the document is missing')];
    const explained = new Map(
      text
        .split(/^## /m)
        .slice(1)
        .map((section) => [(section.split('\n')[0] as string).replaceAll('`', '').trim(), section] as const),
    );
    return [
      ...Object.entries(catalogue).flatMap(([reason, entry]) => complaints(reason, entry, explained.get(reason)).map(finding)),
      ...[...explained.keys()].filter((reason) => !(reason in catalogue)).map((reason) => finding(`explains \`${reason}\`, which is not in the catalogue`)),
    ];
  },
});

function complaints(reason: string, { code, retry }: CatalogueEntry, section: string | undefined): readonly string[] {
  if (section === undefined) return [`does not explain \`${reason}\``];
  const expected = [`\`${code.toUpperCase().replaceAll('-', '_')}\``, retry.kind];
  return expected.filter((text) => !section.includes(text)).map((text) => `does not say ${text} for \`${reason}\``);
}
