/** Rules about packages: what stands in apps, libs, tools and examples with a package.json of its own. */
import type { Finding, Rule, SourceTree } from '../tree.ts';

interface Package {
  readonly folder: string;
  readonly name: string;
  readonly tags: readonly string[];
  /** Everything it declares to use, its tests included. */
  readonly dependencies: readonly string[];
  /** The part of it that the sources need. */
  readonly runtimeDependencies: readonly string[];
  /** tsconfig.json, where it has one. */
  readonly config: { readonly compilerOptions?: { readonly types?: readonly string[]; readonly lib?: readonly string[] }; readonly references?: readonly { readonly path: string }[] } | undefined;
}

interface PackageJson {
  readonly name: string;
  readonly nx?: { readonly tags?: readonly string[] };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const LAYER = /^layer:(core|contract|language|errors|platform|app|test|tool)$/;

function packagesOf(tree: SourceTree): readonly Package[] {
  const textOf = (name: string): string | undefined => tree.files.find((file) => file.path === name)?.text;
  return tree.files
    .filter((file) => /^(apps|libs|tools|examples)\/[^/]+\/package\.json$/.test(file.path))
    .map((file) => {
      const folder = file.path.replace(/\/package\.json$/, '');
      const json = JSON.parse(file.text) as PackageJson;
      const config = textOf(`${folder}/tsconfig.json`);
      return {
        folder,
        name: json.name,
        tags: json.nx?.tags ?? [],
        dependencies: Object.keys({ ...json.dependencies, ...json.devDependencies }),
        runtimeDependencies: Object.keys(json.dependencies ?? {}),
        config: config === undefined ? undefined : (JSON.parse(config) as NonNullable<Package['config']>),
      };
    });
}

const rule = (name: string, check: (each: Package, all: readonly Package[], tree: SourceTree) => readonly string[]): Rule => ({
  name,
  check: (tree) => {
    const all = packagesOf(tree);
    return all.flatMap((each) =>
      check(each, all, tree).map((message): Finding => ({ rule: name, severity: 'error', path: `${each.folder}/package.json`, message })),
    );
  },
});

/** Every package says in a README what lives there. */
export const readmes: Rule = rule('readmes', (each, _, tree) =>
  tree.files.some((file) => file.path === `${each.folder}/README.md`) ? [] : ['has no README.md beside it'],
);

/** Every package says its layer, once, and depends on no app; the boundaries rule looks at the imports. */
export const layers: Rule = rule('layers', (each, all) => {
  const found = each.tags.filter((tag) => LAYER.test(tag));
  const apps = all.filter((other) => other.tags.includes('layer:app') && each.dependencies.includes(other.name));
  return [
    ...(found.length === 1 ? [] : [`needs exactly one layer in nx.tags, has ${found.join(', ') || 'none'}`]),
    ...apps.map((app) => `depends on ${app.name}, an app: nothing does`),
  ];
});

/** The compiler's project references are the declared dependencies on other packages of ours; what only tests use may be among them. */
export const references: Rule = rule('references', (each, all) => {
  if (each.config === undefined) return [];
  const foldersOf = (names: readonly string[]): readonly string[] =>
    all.filter((other) => names.includes(other.name) && other.config !== undefined).map((other) => other.folder);
  const allowed = foldersOf(each.dependencies);
  const listed = (each.config.references ?? []).map((reference) => reference.path.replace(/^(\.\.\/)+/, ''));
  const paths = listed.map((name) => (name.includes('/') ? name : `${each.folder.split('/')[0]}/${name}`));
  return [
    ...foldersOf(each.runtimeDependencies).filter((folder) => !paths.includes(folder)).map((folder) => `depends on ${folder}, which its tsconfig.json does not reference`),
    ...paths.filter((folder) => !allowed.includes(folder)).map((folder) => `references ${folder} in its tsconfig.json without depending on it`),
  ];
});

/**
 * A core is compiled without any ambient types, so the compiler itself refuses Node's modules, timers and the
 * process; and it depends on cores alone.
 */
export const pureCores: Rule = rule('pure-cores', (each, all) => {
  if (!each.tags.includes('layer:core')) return [];
  const options = each.config?.compilerOptions;
  const cores = new Set(all.filter((other) => other.tags.includes('layer:core')).map((other) => other.name));
  return [
    ...(each.config === undefined ? ['a core needs a tsconfig.json'] : []),
    ...((options?.types ?? []).length > 0 ? ['a core has no ambient types: "types" in its tsconfig.json is not empty'] : []),
    ...(options?.lib !== undefined ? ['a core takes "lib" from the configuration of the whole tree'] : []),
    ...each.dependencies.filter((name) => !cores.has(name) && !DEVELOPMENT_ONLY.has(name)).map((name) => `a core depends on cores alone, not on ${name}`),
  ];
});

/** What the tests of a core may use. */
const DEVELOPMENT_ONLY = new Set(['fast-check']);
