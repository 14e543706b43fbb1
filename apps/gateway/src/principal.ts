/** Who calls, and for which organisation: the one place where access is decided. */
import { MillraceError } from '@millrace/errors';

/** The organisation an operator acts for without saying which. */
export const DEFAULT_ORGANISATION = 'default';

export type Principal = { readonly kind: 'operator'; readonly key: string } | { readonly kind: 'organisation'; readonly key: string; readonly organisation: string };

/** One call's caller: checked key, chosen organisation. */
export interface Caller {
  readonly principal: Principal;
  /** The organisation this call acts for. */
  readonly organisation: string;
  /** Where executions are looked up: empty for an operator who named no organisation, who sees all. */
  readonly sight: string;
}

/**
 * The caller of a request.
 *
 * @param named the organisation that the request names, or empty.
 * @throws MillraceError `organisation-denied` when the key is of another organisation, `organisation-unknown` when there is none of that name.
 */
export function callerOf(principal: Principal, named: string, isKnown: (organisation: string) => boolean): Caller {
  if (principal.kind === 'organisation') {
    if (named !== '' && named !== principal.organisation) throw denied(named);
    return { principal, organisation: principal.organisation, sight: principal.organisation };
  }
  const organisation = named === '' ? DEFAULT_ORGANISATION : named;
  if (!isKnown(organisation)) throw unknownOrganisation(organisation);
  return { principal, organisation, sight: named };
}

/** How histories name who has called. */
export function operatorOf({ principal }: Caller): string {
  return `${principal.kind === 'operator' ? 'operator' : principal.organisation}/${principal.key}`;
}

/**
 * The organisation of one thing inside a call: the one the thing names, else the caller's.
 *
 * @throws MillraceError as `callerOf`.
 */
export function organisationWithin(caller: Caller, named: string, isKnown: (organisation: string) => boolean): string {
  if (named === '' || named === caller.organisation) return caller.organisation;
  if (caller.principal.kind === 'organisation') throw denied(named);
  if (!isKnown(named)) throw unknownOrganisation(named);
  return named;
}

/** @throws MillraceError `organisation-denied` unless the key is an operator's. */
export function requireOperator(caller: Caller, what: string): void {
  if (caller.principal.kind !== 'operator') throw new MillraceError('organisation-denied', { message: `${what} needs an operator key` });
}

function denied(organisation: string): MillraceError {
  return new MillraceError('organisation-denied', { message: `The API key is not valid for the organisation ${organisation}` });
}

function unknownOrganisation(organisation: string): MillraceError {
  return new MillraceError('organisation-unknown', { message: `There is no organisation ${organisation}; apply one of \`kind: organisation\` first` });
}
