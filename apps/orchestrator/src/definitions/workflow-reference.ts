/**
 * What a workflow's name, with or without a version, stands for.
 *
 * - An exact version stands for itself, a draft as well; whoever names one is pinned to it.
 * - Everything else stands for a published version: NAME and `latest` for the highest, a range for the highest in it.
 */
import semver from 'semver';

/** `draft` starts only where its exact version is named. */
export type VersionState = 'draft' | 'published';

export interface ReferencedVersion {
  readonly version: string;
  readonly state: VersionState;
}

export interface WorkflowReference {
  readonly name: string;
  /** An exact version, a range as npm writes them, or `latest`; undefined: the latest. */
  readonly wanted: string | undefined;
}

/** Of NAME, NAME@VERSION, NAME@RANGE or NAME@latest. */
export function readReference(workflow: string): WorkflowReference {
  const at = workflow.indexOf('@');
  return at === -1 ? { name: workflow, wanted: undefined } : { name: workflow.slice(0, at), wanted: workflow.slice(at + 1) };
}

/**
 * The version among `versions`, which stand in their order, that is wanted; undefined when there is none. Ranges
 * leave out versions before a release (`2.0.0-rc.1`) unless they name one of the same release, as npm's do.
 */
export function versionFor<Version extends ReferencedVersion>(versions: readonly Version[], wanted: string | undefined): Version | undefined {
  const exact = versions.find(({ version }) => version === wanted);
  if (exact !== undefined) return exact;
  const published = versions.filter(({ state }) => state === 'published');
  if (wanted === undefined || wanted === 'latest') return published.at(-1);
  // An empty text is a range of everything; nobody means that.
  if (wanted.trim() === '' || semver.validRange(wanted) === null) return undefined;
  return published.findLast(({ version }) => semver.satisfies(version, wanted));
}
