/**
 * `millrace apply FILE…`: registers workflows and resources.
 *
 * - Nothing is applied unless every document of every file is right.
 * - Whatever the order in the files, what is referred to comes first.
 */
import { formatProblem } from '@millrace/dsl';
import { GATEWAY_OPTIONS, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import type { GatewayClient } from './gateway-client.ts';
import { checkFile, type CheckedDocument, type CheckedFile } from './source-files.ts';
import { writeJson } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

/** Webhooks, schedules and subscriptions name a workflow, which names connections, which belong to an organisation. */
const ORDER = ['organisation', 'limits', 'connection', 'secret', 'workflow', 'webhook', 'schedule', 'subscription'];

export interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly version?: string;
  readonly organisation: string;
  readonly outcome: 'created' | 'changed' | 'unchanged';
  readonly hash?: string;
  /** It starts only where its exact version is named. */
  readonly draft?: boolean;
  readonly file: string;
}

export const applyCommand: Command = {
  name: 'apply',
  synopsis: 'FILE… [--draft] [--org ORG]',
  summary: 'Register workflows, organisations, limits, connections, secrets, webhooks, schedules and subscriptions',
  options: { draft: { type: 'flag', help: 'register workflows as drafts, which start only by their exact version' }, ...GATEWAY_OPTIONS },
  positionals: { least: 1, most: Infinity },
  async run(given, terminal) {
    const files: CheckedFile[] = [];
    for (const file of given.positionals) files.push(await checkFile(file, terminal));
    const problems = files.flatMap((file) => file.problems);
    if (problems.length > 0) {
      if (given.json) writeJson(terminal, { applied: [], problems });
      terminal.writeError(`${problems.map(formatProblem).join('\n')}\nNothing was applied: correct the ${problems.length === 1 ? 'problem' : 'problems'} above.\n`);
      return EXIT.failed;
    }
    const organisation = given.text('org') ?? '';
    const applied: Applied[] = [];
    const applyAll = (documents: readonly CheckedDocument[], actingFor: string): Promise<void> =>
      withGateway(given, terminal, async (gateway) => {
        for (const document of documents) {
          const done = await applyOne(gateway, document, organisation, given.flag('draft'));
          applied.push(done);
          if (!given.json) terminal.write(`${lineOf(done)}\n`);
        }
      }, actingFor);
    const documents = inOrder(files.flatMap((file) => file.documents));
    // An organisation has to be there before it can be acted for.
    const organisations = documents.filter(isOrganisation);
    if (organisations.length > 0) await applyAll(organisations, '');
    const others = documents.filter((each) => !isOrganisation(each));
    if (others.length > 0 || organisations.length === 0) await applyAll(others, organisation);
    if (given.json) writeJson(terminal, { applied });
    return EXIT.ok;
  },
};

function isOrganisation(each: CheckedDocument): boolean {
  return each.kind === 'resource' && each.resource.kind === 'organisation';
}

/** Documents so that each finds what it refers to. */
export function inOrder(documents: readonly CheckedDocument[]): readonly CheckedDocument[] {
  const rank = (each: CheckedDocument): number => ORDER.indexOf(each.kind === 'workflow' ? 'workflow' : each.resource.kind);
  return [...documents].sort((a, b) => rank(a) - rank(b));
}

async function applyOne(gateway: GatewayClient, each: CheckedDocument, organisation: string, asDraft: boolean): Promise<Applied> {
  const { file } = each;
  if (each.kind === 'workflow') {
    const { name, version, hash, existing, draft } = await gateway.applyWorkflow({ document: JSON.stringify(each.document.value), fileName: file, unregistered: false, draft: asDraft });
    return { kind: 'workflow', name, version, organisation: organisation === '' ? 'default' : organisation, outcome: existing ? 'unchanged' : 'created', hash, draft, file };
  }
  const { kind, name, spec } = each.resource;
  const done = await gateway.applyResource({ kind, name, organisation: each.resource.organisation ?? organisation, specJson: JSON.stringify(spec) });
  return { kind: done.kind, name: done.name, organisation: done.organisation, outcome: done.outcome as Applied['outcome'], file };
}

function lineOf({ kind, name, version, organisation, outcome, draft }: Applied): string {
  const what = `${kind} ${name}${version === undefined ? '' : `@${version}`}`;
  return `${outcome.padEnd(9)} ${what}${kind === 'organisation' ? '' : ` of ${organisation}`}${draft === true ? ', a draft' : ''}`;
}
