/** The SQLite files that the workflows write to, one for each organisation. */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
  create table deliveries (delivery text primary key, owner text, event text not null, action text, repository text, sender text, priority text not null);
  create table commits (delivery text not null, id text not null, author text, message text, primary key (delivery, id));
  create table labels (delivery text not null, name text not null, primary key (delivery, name));
`;

export interface LedgerContent {
  readonly deliveries: readonly string[];
  readonly commits: number;
  readonly labels: number;
}

export function ledgerFile(folder: string, organisation: string): string {
  return path.join(folder, `${organisation}.sqlite`);
}

export function createLedger(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(`pragma journal_mode = wal; ${SCHEMA}`);
  database.close();
}

export function readLedger(file: string): LedgerContent {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const count = (table: 'commits' | 'labels'): number => Number((database.prepare(`select count(*) as n from ${table}`).get() as { readonly n: number }).n);
    const deliveries = database.prepare('select delivery from deliveries').all() as unknown as readonly { readonly delivery: string }[];
    return { deliveries: deliveries.map((row) => row.delivery), commits: count('commits'), labels: count('labels') };
  } finally {
    database.close();
  }
}
