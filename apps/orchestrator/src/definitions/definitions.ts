/**
 * Definitions: compiled once a process, kept by content hash, named by immutable versions.
 *
 * Owns the bucket `definitions`: `hash.<sha256>` holds a document, `name.<organisation>.<name>` the versions
 * of a workflow. Both are on disk in JetStream, so starts and recovery need no database.
 *
 * - A version's content never changes: applying another under the same version is refused.
 * - A program in the cache is the program of its hash; every process compiles the same.
 */
import { BUCKETS, decodeJson, openBucket, type Bucket, type Bus } from '@millrace/bus';
import { compileWorkflow, failureOf, formatProblem, workflowOfValue } from '@millrace/dsl';
import { NO_NODE, type JsonValue, type Program } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { createDocumentChecks } from './document-checks.ts';
import { createProgramCache } from './program-cache.ts';
import { compareVersions } from './version-order.ts';

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
  readonly warnings: readonly string[];
}

/** A registered version. */
export interface VersionEntry {
  readonly version: string;
  readonly hash: string;
  readonly namespace: string;
  readonly appliedAtMs: number;
}

interface NamedVersions {
  readonly versions: readonly VersionEntry[];
}

export interface Definitions {
  /** @throws MillraceError `workflow-invalid`, `workflow-unsupported`, `workflow-version-exists`. */
  apply(organisation: string, text: string, options: { readonly fileName: string; readonly unregistered: boolean; readonly dryRun: boolean; readonly nowMs: number }): Promise<AppliedDefinition>;
  /** The program when it is at hand, without waiting. */
  atHand(organisation: string, workflow: string): Program | undefined;
  /** The program of NAME (the latest), NAME@VERSION or sha256:HASH; undefined when there is none. */
  resolve(organisation: string, workflow: string): Promise<Program | undefined>;
  /** The program of a hash. Rejects when no document has it. */
  byHash(hash: string): Promise<Program>;
  /** A program without tasks that stands in for a workflow that is not there. */
  missing(workflow: string): Program;
  list(organisation: string): readonly (VersionEntry & { readonly name: string })[];
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
    const [name = '', version] = workflow.split('@');
    const versions = names.get(`${organisation}.${name}`)?.versions;
    return (version === undefined ? versions?.at(-1) : versions?.find((entry) => entry.version === version))?.hash;
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
        const name = `${organisation}.${workflow.split('@')[0] ?? ''}`;
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
      return [...names].filter(([key]) => key.startsWith(prefix)).flatMap(([key, { versions }]) => versions.map((entry) => ({ ...entry, name: key.slice(prefix.length) })));
    },
    async apply(organisation, text, { fileName, unregistered, dryRun, nowMs }) {
      const answer = await checks.check({ text, fileName });
      if (answer.kind === 'refused') throw failureOf(answer.problems);
      if (answer.kind === 'other') throw new MillraceError('workflow-invalid', { message: `${fileName}: expected one workflow document; resources are applied one by one` });
      const program = programs.get(answer.hash) ?? programOf(JSON.parse(answer.json) as { readonly [key: string]: JsonValue }, answer.hash);
      const applied = { namespace: program.namespace, name: program.name, version: program.version, hash: program.hash, appliedAtMs: nowMs, warnings: answer.warnings };
      if (dryRun) return { ...applied, existing: false };
      const key = `hash.${program.hash}`;
      if (!programs.has(program.hash)) await createOnce(bucket, key, program.document);
      programs.keep(program);
      if (unregistered) return { ...applied, existing: false };
      return { ...applied, existing: await register(bucket, organisation, program, nowMs, names) };
    },
  };
}

/** The program of a document that was checked when it was applied. */
function programOf(value: { readonly [key: string]: JsonValue }, hash: string): Program {
  const compiled = compileWorkflow(workflowOfValue(value, hash), { isChecked: true });
  if (compiled.kind === 'refused') throw new MillraceError(compiled.reason, { message: `Definition ${hash} does not compile: ${compiled.problems.map(formatProblem).join('; ')}` });
  return compiled.program;
}

/** True when the version had been registered with this content before. */
async function register(bucket: Bucket, organisation: string, program: Program, nowMs: number, names: Map<string, NamedVersions>): Promise<boolean> {
  const name = `${organisation}.${program.name}`;
  for (let tries = 0; tries < CONFLICTS_MAX; tries++) {
    const found = await bucket.get(`name.${name}`);
    const versions = found?.value === undefined ? [] : (decodeJson(found.value) as NamedVersions).versions;
    const present = versions.find((entry) => entry.version === program.version);
    if (present !== undefined) {
      if (present.hash === program.hash) return true;
      throw new MillraceError('workflow-version-exists', { message: `Workflow ${program.name} version ${program.version} was applied with other content on ${new Date(present.appliedAtMs).toISOString()}; raise \`document.version\``, details: { workflow: program.name, version: program.version, hash: present.hash } });
    }
    const next: NamedVersions = { versions: [...versions, { version: program.version, hash: program.hash, namespace: program.namespace, appliedAtMs: nowMs }].sort((a, b) => compareVersions(a.version, b.version)) };
    const value = Buffer.from(JSON.stringify(next));
    try {
      if (found === undefined) await bucket.create(`name.${name}`, value);
      else await bucket.update(`name.${name}`, value, found.revision);
      names.set(name, next);
      return false;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
    }
  }
  throw new MillraceError('bus-failed', { message: `Workflow ${program.name} is being applied by too many at once; try again` });
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
