/**
 * The example from beginning to end, on a cluster that is up: apply, send, follow, summarise, look at everything.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ClassifierService } from './classifier-service.ts';
import { readDeliveries, type Delivery } from './deliveries.ts';
import { listRun, observe, untilAllEnded } from './follow.ts';
import { createLedger, ledgerFile, readLedger } from './ledger.ts';
import type { MailServer } from './mail-server.ts';
import { requireMillrace } from './millrace-command.ts';
import { totalsOf, type Observation, type Totals } from './observation.ts';
import { ORGANISATIONS, type Organisation } from './organisations.ts';
import type { Progress } from './progress.ts';
import type { PublicApi } from './public-api.ts';
import { DELIVERY_WORKFLOW, resourceDocuments, SUMMARY_WORKFLOW, WEBHOOK } from './resources.ts';
import { sendAll } from './sender.ts';
import { problemsOf } from './verdict.ts';

const FOLDER = path.resolve(import.meta.dirname, '..');
/** How long all executions may take, in milliseconds. */
const RUN_MS_MAX = 8 * 60_000;
/** How long the mails may take after that, in milliseconds. */
const MAIL_MS_MAX = 60_000;
/** A mail that comes twice does so soon: time to see it, in milliseconds. */
const SECOND_MAIL_MS = 1_500;

export interface ExampleOptions {
  readonly api: PublicApi;
  readonly dataDir: string;
  readonly trigger: string;
  readonly classifier: ClassifierService;
  readonly mailServer: MailServer;
  /** Tells runs on one data folder apart. */
  readonly run: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
}

export interface ExampleResult {
  readonly totals: readonly Totals[];
  readonly problems: readonly string[];
  readonly redelivered: number;
  /** The execution that shows most: with retries, loops and rows. */
  readonly tellingExecution: string;
  /** One that mailed a summary. */
  readonly summaryExecution: string;
}

export async function runExample(options: ExampleOptions): Promise<ExampleResult> {
  const { api, progress, mailServer, run, say } = options;
  const folder = path.join(options.dataDir, 'example', run);
  await mkdir(folder, { recursive: true });
  const secrets = await applyAll(options, folder);

  const deliveries = readDeliveries(ORGANISATIONS, run);
  const of = (organisation: Organisation): readonly Delivery[] => deliveries.filter((each) => each.organisation === organisation.name);
  say(`Sending ${deliveries.length} GitHub deliveries: ${ORGANISATIONS.map((each) => `${of(each).length} to ${each.name}`).join(', ')}`);
  const since = new Date().toISOString();
  const counts = { accepted: 0, ended: new Map<string, number>() };
  const show = (): void => {
    const ended = ORGANISATIONS.map((each) => `${each.name} ${counts.ended.get(each.name) ?? 0}/${of(each).length}`).join('  ');
    progress.show(`accepted ${counts.accepted}/${deliveries.length}   ended  ${ended}   mails ${mailServer.mails.length}/${ORGANISATIONS.length}   HTTP failures ${options.classifier.failures()}`);
  };

  const deadline = AbortSignal.timeout(RUN_MS_MAX);
  const sending = sendAll(deliveries, {
    trigger: options.trigger,
    webhook: WEBHOOK,
    secrets,
    onAccepted() {
      counts.accepted++;
      show();
    },
  });
  const following = ORGANISATIONS.map(async (organisation) => {
    const { name, recipient } = organisation;
    await untilAllEnded(api, {
      organisation: name,
      workflow: DELIVERY_WORKFLOW,
      since,
      count: of(organisation).length,
      signal: deadline,
      onProgress(ended) {
        counts.ended.set(name, ended);
        show();
      },
    });
    return api.start(name, SUMMARY_WORKFLOW, { organisation: name, recipient, run }, `summary ${run}`);
  });
  const [sent, [summaryExecution = '']] = await Promise.all([sending, Promise.all(following)]);
  await mailServer.arrived(ORGANISATIONS.length, MAIL_MS_MAX);
  await new Promise((settle) => setTimeout(settle, SECOND_MAIL_MS));
  show();
  progress.end();

  const totals: Totals[] = [];
  const problems = sent.split.map((id) => `delivery ${id}, sent twice, gave two executions`);
  const observed: Observation[] = [];
  for (const organisation of ORGANISATIONS) {
    const { name } = organisation;
    const listed = await listRun(api, { organisation: name, workflow: DELIVERY_WORKFLOW, since });
    const observations = await observe(api, name, listed.map((each) => each.execution));
    const mails = mailServer.mails.filter((mail) => mail.to.includes(organisation.recipient));
    problems.push(...problemsOf({ organisation, deliveries: of(organisation), accepted: sent.executions, listed, observations, answered: options.classifier.answered, ledger: readLedger(ledgerFile(folder, name)), mails }));
    totals.push(totalsOf(name, observations, mails.length));
    observed.push(...observations);
  }
  return { totals, problems, redelivered: sent.redelivered, tellingExecution: telling(observed), summaryExecution };
}

/** Makes ledgers and resources, and applies everything with the `millrace` command. Returns the webhook secrets. */
async function applyAll({ dataDir, classifier, say }: ExampleOptions, folder: string): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  const inFolder = (file: string): string => path.join(FOLDER, file);
  say('Applying organisations, limits, connections, workflows and webhooks');
  await requireMillrace(['apply', inFolder('organisations.yaml'), '--data', dataDir]);
  await Promise.all(
    ORGANISATIONS.map(async ({ name }) => {
      const ledger = ledgerFile(folder, name);
      createLedger(ledger);
      const webhookSecret = randomBytes(24).toString('base64url');
      secrets.set(name, webhookSecret);
      const resources = path.join(folder, `${name}.yaml`);
      await writeFile(resources, resourceDocuments({ organisation: name, classifierUrl: classifier.url, ledger, webhookSecret }), { mode: 0o600 });
      await requireMillrace(['apply', inFolder('github-delivery.yaml'), inFolder('organisation-summary.yaml'), resources, '--org', name, '--data', dataDir]);
    }),
  );
  return secrets;
}

function telling(observations: readonly Observation[]): string {
  const ranked = [...observations].sort((a, b) => Math.min(b.retries, 2) - Math.min(a.retries, 2) || b.steps - a.steps);
  return ranked[0]?.execution ?? '';
}
