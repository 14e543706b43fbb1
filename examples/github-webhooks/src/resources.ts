/** The resources whose addresses and secrets are known only when the example runs. */

export interface ResourceSettings {
  readonly organisation: string;
  readonly classifierUrl: string;
  /** Absolute path of the organisation's SQLite file. */
  readonly ledger: string;
  readonly webhookSecret: string;
}

export const WEBHOOK = 'github';
export const DELIVERY_WORKFLOW = 'github-delivery';
export const SUMMARY_WORKFLOW = 'organisation-summary';

/** YAML documents (JSON is YAML): two connections and the webhook. */
export function resourceDocuments({ organisation, classifierUrl, ledger, webhookSecret }: ResourceSettings): string {
  const resource = (kind: string, name: string, spec: object): string => JSON.stringify({ millrace: 'v1', kind, name, organisation, spec }, undefined, 2);
  return [
    resource('connection', 'classifier', { connector: 'http', baseUrl: classifierUrl, auth: { kind: 'none' }, secrets: {} }),
    resource('connection', 'ledger', { connector: 'sql', baseUrl: `sqlite:${encodeURI(ledger)}`, auth: { kind: 'none' }, secrets: {} }),
    resource('webhook', WEBHOOK, {
      workflow: DELIVERY_WORKFLOW,
      reply: 'accepted',
      signature: { scheme: 'github-sha256', secret: webhookSecret },
      idempotencyKey: '.headers["x-github-delivery"]',
    }),
  ].join('\n---\n');
}
