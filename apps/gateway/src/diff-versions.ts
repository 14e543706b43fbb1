/** What differs between two versions of a workflow, from their documents. */
import type { WorkflowDiff } from '@millrace/contracts/gateway/v1/gateway';
import { diffDocuments } from '@millrace/dsl';
import { MillraceError } from '@millrace/errors';
import type { Definitions } from './ports.ts';

export interface VersionPair {
  readonly organisation: string;
  readonly name: string;
  /** Exact versions, ranges or `latest`; empty: the latest. */
  readonly from: string;
  readonly to: string;
}

/** @throws MillraceError `argument-invalid`, `workflow-unknown`. */
export async function diffVersions(definitions: Definitions, { organisation, name, from, to }: VersionPair): Promise<WorkflowDiff> {
  if (name === '' || name.includes('@') || name.includes(':')) throw new MillraceError('argument-invalid', { message: `The name of a workflow is wanted, not ${JSON.stringify(name)}; its versions are \`from\` and \`to\`` });
  const [before, after] = await Promise.all([from, to].map((version) => definitions.get(organisation, version === '' ? name : `${name}@${version}`)));
  if (before === undefined || after === undefined) throw new MillraceError('internal', { message: 'Two versions were asked for' });
  const changes = diffDocuments(JSON.parse(before.documentJson), JSON.parse(after.documentJson));
  return {
    name,
    from: before.version,
    to: after.version,
    changes: changes.map((change) => ({ path: change.path, kind: change.kind, beforeJson: textOf(change.before), afterJson: textOf(change.after) })),
  };
}

function textOf(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}
