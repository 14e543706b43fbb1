/** The organisations of the example; their limits stand in organisations.yaml. */

export interface Organisation {
  readonly name: string;
  /** Who gets the summary. */
  readonly recipient: string;
}

export const ORGANISATIONS: readonly Organisation[] = [
  { name: 'acme', recipient: 'engineering@acme.example' },
  { name: 'globex', recipient: 'platform@globex.example' },
  { name: 'initech', recipient: 'it@initech.example' },
];
