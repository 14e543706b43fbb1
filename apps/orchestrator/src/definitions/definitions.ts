/**
 * Definitions: compiled once a process, kept by content hash, named by immutable versions.
 *
 * Owns the bucket `definitions`: `hash.<sha256>` holds a document, `name.<organisation>.<name>` the versions
 * of a workflow, published and drafts apart. Both are on disk in JetStream, so starts and recovery need no database.
 *
 * - A published version's content never changes: applying another under the same version is refused. A draft's may;
 *   executions of the content before go on with it.
 * - A program in the cache is the program of its hash; every process compiles the same.
 */
import { BUCKETS, decodeJson, openBucket, type Bucket, type Bus } from '@millrace/bus';
import { compileWorkflow, failureOf, formatProblem, workflowOfValue } from '@millrace/dsl';
import { NO_NODE, type JsonValue, type Program } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { createDocumentChecks } from './document-checks.ts';
import { createProgramCache } from './program-cache.ts';
import { compareVersions } from './version-order.ts';
import { readReference, versionFor, type VersionState } from './workflow-reference.ts';

/** Tries of a compare-and-set before giving up. */
const CONFLICTS_MAX = 20;
const MISSING = 'missing:';

export interface AppliedDefinition {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly existing: boolean;
  readonly appliedAtMs: number;
  readonly draft: boolean;
  readonly warnings: readonly string[];
}

export interface ApplyOptions {
  readonly fileName: string;
  readonly unregistered: boolean;
  readonly dryRun: boolean;
  readonly draft: boolean;
  readonly nowMs: number;
}

/** A registered version. */
export interface VersionEntry {
  readonly version: string;
  readonly hash: string;
  readonly namespace: string;
  readonly appliedAtMs: number;
}

/** Drafts stand apart: releases that know of none, and the trigger, read `versions` alone. */
interface NamedVersions {
  readonly versions: readonly VersionEntry[];
  readonly drafts?: readonly VersionEntry[];
}

type StatedVersion = VersionEntry & { readonly state: VersionState };

export interface Definitions {
  /** @throws MillraceError `workflow-invalid`, `workflow-unsupported`, `workflow-version-exists`. */
  apply(organisation: string, text: string, options: ApplyOptions): Promise<AppliedDefinition>;
  /** Makes a draft a published version; `existing` when it was one. @throws MillraceError `workflow-unknown`. */
  publish(organisation: string, name: string, version: string, nowMs: number): Promise<AppliedDefinition>;
  /** The program when it is at hand, without waiting. */
  atHand(organisation: string, workflow: string): Program | undefined;
  /** The program of NAME (the latest), NAME@VERSION, NAME@RANGE or sha256:HASH; undefined when there is none. */
  resolve(organisation: string, workflow: string): Promise<Program | undefined>;
  /** The program of a hash. Rejects when no document has it. */
  byHash(hash: string): Promise<Program>;
  /** A program without tasks that stands in for a workflow that is not there. */
  missing(workflow: string): Program;
  list(organisation: string): readonly (VersionEntry & { readonly name: string; readonly draft: boolean })[];
}

export async function openDefinitions(bus: Bus): Promise<Definitions> {
  const bucket = await openBucket(bus, BUCKETS.definitions);
  const names = new Map<string, NamedVersions>();
  const programs = createProgramCache();
  const checks = createDocumentChecks();
  const loading = new Map<string, Promise<Program | undefined>>();
  await bucket.watch(
    ({ key, value }) => {
      const name = key.slice('name.'.length);
      if (value === undefined) names.delete(name);
      else names.set(name, decodeJson(value) as NamedVersions);
    },
    { prefix: 'name.' },
  );

  function missing(workflow: string): Program {
    return { hash: `${MISSING}${workflow}`, namespace: 'missing', name: workflow.split('@')[0] ?? workflow, version: '0.0.0', document: null, nodes: [{ kind: 'do', number: 0, name: 'do', reference: '/do', parent: NO_NODE, next: NO_NODE, then: { kind: 'continue' }, definition: null, first: NO_NODE }] };
  }

  async function load(hash: string): Promise<Program | undefined> {
    if (hash.startsWith(MISSING)) return missing(hash.slice(MISSING.length));
    const cached = programs.get(hash);
    if (cached !== undefined) return cached;
    let pending = loading.get(hash);
    if (pending === undefined) {
      pending = (async () => {
        const found = await bucket.getJson(`hash.${hash}`);
        if (found === undefined) return undefined;
        return programs.keep(programOf(found.value as { readonly [key: string]: JsonValue }, hash));
      })().finally(() => loading.delete(hash));
      loading.set(hash, pending);
    }
    return pending;
  }

  /** The hash that a name stands for; undefined when the name is not known here. */
  function hashOf(organisation: string, workflow: string): string | undefined {
    if (workflow.startsWith('sha256:')) return workflow.slice('sha256:'.length);
    const { name, wanted } = readReference(workflow);
    const named = names.get(`${organisation}.${name}`);
    if (named === undefined) return undefined;
    // Most starts name no version or an exact one.
    if (wanted === undefined) return named.versions.at(-1)?.hash;
    return (named.versions.find(({ version }) => version === wanted) ?? versionFor(statedVersions(named), wanted))?.hash;
  }

  return {
    missing,
    atHand(organisation, workflow) {
      const hash = hashOf(organisation, workflow);
      return hash === undefined ? undefined : programs.get(hash);
    },
    async resolve(organisation, workflow) {
      let hash = hashOf(organisation, workflow);
      if (hash === undefined) {
        // It may have been applied a moment ago, and the watch be behind.
        const name = `${organisation}.${readReference(workflow).name}`;
        if (!isKey(name)) return undefined;
        const found = await bucket.getJson(`name.${name}`);
        if (found === undefined) return undefined;
        names.set(name, found.value as NamedVersions);
        hash = hashOf(organisation, workflow);
      }
      return hash === undefined ? undefined : load(hash);
    },
    async byHash(hash) {
      const program = await load(hash);
      if (program === undefined) throw new MillraceError('workflow-unknown', { message: `No definition has the hash ${hash}` });
      return program;
    },
    list(organisation) {
      const prefix = `${organisation}.`;
      return [...names].filter(([key]) => key.startsWith(prefix)).flatMap(([key, named]) => statedVersions(named).map(({ state, ...entry }) => ({ ...entry, name: key.slice(prefix.length), draft: state === 'draft' })));
    },
    async apply(organisation, text, { fileName, unregistered, dryRun, draft, nowMs }) {
      const answer = await checks.check({ text, fileName });
      if (answer.kind === 'refused') throw failureOf(answer.problems);
      if (answer.kind === 'other') throw new MillraceError('workflow-invalid', { message: `${fileName}: expected one workflow document; resources are applied one by one` });
      const program = programs.get(answer.hash) ?? programOf(JSON.parse(answer.json) as { readonly [key: string]: JsonValue }, answer.hash);
      const applied = { namespace: program.namespace, name: program.name, version: program.version, hash: program.hash, appliedAtMs: nowMs, draft, warnings: answer.warnings };
      if (dryRun) return { ...applied, existing: false };
      const key = `hash.${program.hash}`;
      if (!programs.has(program.hash)) await createOnce(bucket, key, program.document);
      programs.keep(program);
      if (unregistered) return { ...applied, existing: false };
      const entry: StatedVersion = { version: program.version, hash: program.hash, namespace: program.namespace, appliedAtMs: nowMs, state: draft ? 'draft' : 'published' };
      const name = `${organisation}.${program.name}`;
      const outcome = await changeVersions(bucket, name, (versions) => withVersion(program.name, versions, entry));
      names.set(name, outcome.named);
      // What was published before stays so, whatever is asked for now.
      return { ...applied, draft: statedVersions(outcome.named).find(({ version }) => version === entry.version)?.state === 'draft', existing: !outcome.isChanged };
    },
    async publish(organisation, name, version, nowMs) {
      const key = `${organisation}.${name}`;
      const unknown = new MillraceError('workflow-unknown', { message: `Organisation ${organisation} has no version ${version} of workflow ${name}; apply it first` });
      if (!isKey(key)) throw unknown;
      const outcome = await changeVersions(bucket, key, (versions) => {
        const present = versions.find((entry) => entry.version === version);
        if (present === undefined) throw unknown;
        if (present.state === 'published') return undefined;
        return versions.map((entry) => (entry === present ? { ...entry, state: 'published', appliedAtMs: nowMs } : entry));
      });
      names.set(key, outcome.named);
      const entry = outcome.named.versions.find((each) => each.version === version);
      if (entry === undefined) throw unknown;
      return { ...entry, name, draft: false, existing: !outcome.isChanged, warnings: [] };
    },
  };
}

/** The program of a document that was checked when it was applied. */
function programOf(value: { readonly [key: string]: JsonValue }, hash: string): Program {
  const compiled = compileWorkflow(workflowOfValue(value, hash), { isChecked: true });
  if (compiled.kind === 'refused') throw new MillraceError(compiled.reason, { message: `Definition ${hash} does not compile: ${compiled.problems.map(formatProblem).join('; ')}` });
  return compiled.program;
}

/** Published versions and drafts, in their order. */
function statedVersions({ versions, drafts = [] }: NamedVersions): readonly StatedVersion[] {
  const published = versions.map((entry) => ({ ...entry, state: 'published' as const }));
  if (drafts.length === 0) return published;
  return [...published, ...drafts.map((entry) => ({ ...entry, state: 'draft' as const }))].sort((a, b) => compareVersions(a.version, b.version));
}

function namedVersions(stated: readonly StatedVersion[]): NamedVersions {
  const of = (wanted: VersionState): readonly VersionEntry[] => stated.filter(({ state }) => state === wanted).map(({ state: _, ...entry }) => entry).sort((a, b) => compareVersions(a.version, b.version));
  const drafts = of('draft');
  return { versions: of('published'), ...(drafts.length === 0 ? {} : { drafts }) };
}

/** The versions with this one among them; undefined when it is there as it is, or published already. */
function withVersion(name: string, versions: readonly StatedVersion[], entry: StatedVersion): readonly StatedVersion[] | undefined {
  const present = versions.find(({ version }) => version === entry.version);
  if (present === undefined) return [...versions, entry];
  const isSame = present.hash === entry.hash;
  if (isSame && (present.state === 'published' || entry.state === 'draft')) return undefined;
  if (present.state === 'published') {
    throw new MillraceError('workflow-version-exists', { message: `Workflow ${name} version ${entry.version} was applied with other content on ${new Date(present.appliedAtMs).toISOString()}; raise \`document.version\``, details: { workflow: name, version: entry.version, hash: present.hash } });
  }
  return versions.map((each) => (each === present ? entry : each));
}

/** Changes the versions of a workflow by compare-and-set. `change` returns undefined when they may stay as they are. */
async function changeVersions(bucket: Bucket, name: string, change: (versions: readonly StatedVersion[]) => readonly StatedVersion[] | undefined): Promise<{ readonly named: NamedVersions; readonly isChanged: boolean }> {
  for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
    const found = await bucket.get(`name.${name}`);
    const present: NamedVersions = found?.value === undefined ? { versions: [] } : (decodeJson(found.value) as NamedVersions);
    const changed = change(statedVersions(present));
    if (changed === undefined) return { named: present, isChanged: false };
    const named = namedVersions(changed);
    const value = Buffer.from(JSON.stringify(named));
    try {
      if (found === undefined) await bucket.create(`name.${name}`, value);
      else await bucket.update(`name.${name}`, value, found.revision);
      return { named, isChanged: true };
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
    }
  }
  throw new MillraceError('bus-failed', { message: `Workflow ${name} is being applied by too many at once; try again` });
}

async function createOnce(bucket: Bucket, key: string, document: JsonValue): Promise<void> {
  try {
    await bucket.create(key, Buffer.from(JSON.stringify(document)));
  } catch (error) {
    if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
  }
}

function isKey(name: string): boolean {
  return /^[-_=.a-zA-Z0-9]+$/.test(name) && !name.startsWith('.') && !name.endsWith('.');
}
