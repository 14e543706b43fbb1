/** A resource as a caller sends it, checked as `millrace validate` checks it. */
import { checkResource, failureOf, readDocuments, type Resource } from '@millrace/dsl';
import { MillraceError } from '@millrace/errors';

/** Characters of a spec's JSON text. */
export const SPEC_LENGTH_MAX = 256 * 1024;

export interface ResourceProposal {
  readonly kind: string;
  readonly name: string;
  /** Empty: that of whoever applies it. */
  readonly organisation: string;
  /** Empty: `{}`. */
  readonly specJson: string;
}

/** @throws MillraceError `resource-invalid` with all problems, `payload-too-large`. */
export function readResource({ kind, name, organisation, specJson }: ResourceProposal): Resource {
  const document = { millrace: 'v1', kind, name, ...(organisation === '' ? {} : { organisation }), spec: specOf(specJson) };
  const read = readDocuments(JSON.stringify(document, undefined, 2), { fileName: `${kind} ${name}` });
  if (read.kind === 'refused') throw failureOf(read.problems);
  const [only] = read.documents;
  if (only === undefined || only.kind !== 'resource') throw new MillraceError('resource-invalid');
  const checked = checkResource(only);
  if (checked.kind === 'refused') throw failureOf(checked.problems);
  return checked.resource;
}

function specOf(specJson: string): unknown {
  if (specJson === '') return {};
  if (specJson.length > SPEC_LENGTH_MAX) throw new MillraceError('payload-too-large', { message: `The resource's spec is longer than ${SPEC_LENGTH_MAX} characters` });
  try {
    return JSON.parse(specJson) as unknown;
  } catch (error) {
    throw new MillraceError('resource-invalid', { message: `The resource's spec is not JSON: ${(error as Error).message}` });
  }
}
