/**
 * Links by which a person decides an approval without a key: what they say, and that nobody but a gateway made them.
 *
 * K1 What a link says is signed (HMAC-SHA-256): execution, activation of the task, how often it had been delegated, for
 *    whom it is and until when. Changed anywhere, it is no link.
 * K2 It decides once: the approval of that activation is over with the first decision, whoever made it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MillraceError } from '@millrace/errors';

/** How long a link can be used that does not say, and at most, in milliseconds. */
export const LINK_VALID_MS = 7 * 24 * 3_600_000;
export const LINK_VALID_MS_MAX = 365 * 24 * 3_600_000;
/** Longest link that is read, in characters. */
const LINK_CHARACTERS_MAX = 4_096;
const VERSION = 1;

/** What a link says. */
export interface LinkContent {
  /** Where the execution is looked up; empty: any organisation. */
  readonly organisation: string;
  readonly execution: string;
  readonly activation: number;
  readonly delegations: number;
  /** Empty: whoever has it. */
  readonly for: string;
  readonly expiresAtMs: number;
}

export interface LinkSigner {
  sign(content: LinkContent): string;
  /** @throws MillraceError `approval-link-void`. */
  read(link: string, nowMs: number): LinkContent;
}

/** @param secret undefined while it is not known yet. */
export function createLinkSigner(secret: () => Buffer | undefined): LinkSigner {
  const macOf = (body: string): Buffer => {
    const key = secret();
    if (key === undefined) throw new MillraceError('service-unavailable', { message: 'This gateway does not know the key of links yet; try again' });
    return createHmac('sha256', key).update(`approval ${body}`).digest();
  };
  return {
    sign({ organisation, execution, activation, delegations, for: whose, expiresAtMs }) {
      const body = Buffer.from(JSON.stringify([VERSION, organisation, execution, activation, delegations, whose, expiresAtMs])).toString('base64url');
      return `${body}.${macOf(body).toString('base64url')}`;
    },
    read(link, nowMs) {
      const [body = '', mac = ''] = link.split('.', 2);
      const given = Buffer.from(mac, 'base64url');
      if (link.length > LINK_CHARACTERS_MAX || body === '') throw isVoid('This is no link of an approval; open it as it was sent');
      const wanted = macOf(body);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw isVoid('The link was changed, or is of another installation; open it as it was sent');
      const [version, organisation, execution, activation, delegations, whose, expiresAtMs] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [number, string, string, number, number, string, number];
      if (version !== VERSION) throw isVoid('The link is of another release; ask for a new one');
      if (expiresAtMs <= nowMs) throw isVoid(`The link could be used until ${new Date(expiresAtMs).toISOString()}; ask for a new one`);
      return { organisation, execution, activation, delegations, for: whose, expiresAtMs };
    },
  };
}

function isVoid(message: string): MillraceError {
  return new MillraceError('approval-link-void', { message });
}
