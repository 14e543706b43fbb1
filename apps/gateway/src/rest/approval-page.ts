/**
 * The page behind an approval's link.
 *
 * G1 Opening it decides nothing: scanners of mail open every link. Only the form's POST does.
 * G2 Nothing of a workflow is markup here: every text is escaped, and the page may load and run nothing.
 */
import type { Approval } from '@millrace/contracts/execution/v1/execution';
import { MillraceError, httpStatusOf } from '@millrace/errors';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { LINK_PATH, type Approvals } from '../approvals.ts';

/** Largest form, in bytes. */
const FORM_BYTES_MAX = 16 * 1024;
/** Characters of a value that the page shows. */
const SHOWN_MAX = 4_000;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
} as const;

const DONE = { approve: 'Approved', reject: 'Rejected', delegate: 'Delegated' } as const;

export function addApprovalPage(scope: FastifyInstance, approvals: Approvals, isTaking: () => boolean): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: FORM_BYTES_MAX }, (_request, body, done) => done(null, new URLSearchParams(String(body))));
  const answer = async (reply: FastifyReply, make: () => Promise<string>): Promise<FastifyReply> => {
    try {
      if (!isTaking()) throw new MillraceError('service-draining');
      return await reply.code(200).headers(HEADERS).send(await make());
    } catch (error) {
      const failure = MillraceError.from(error);
      return reply.code(httpStatusOf(failure)).headers(HEADERS).send(page('Nothing was done', `<p>${escaped(failure.message)}</p>`));
    }
  };
  scope.get(LINK_PATH, (request, reply) =>
    answer(reply, async () => {
      const link = textOf((request.query as Readonly<Record<string, unknown>>)['link']);
      return questionPage(await approvals.read(link), link);
    }),
  );
  scope.post(LINK_PATH, (request, reply) =>
    answer(reply, async () => {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      const act = form.get('act') ?? '';
      if (act !== 'approve' && act !== 'reject' && act !== 'delegate') throw new MillraceError('argument-invalid', { message: 'The form says neither to approve, to reject nor to delegate' });
      const to = act === 'delegate' ? (form.get('to') ?? '').trim() : '';
      await approvals.actByLink(form.get('link') ?? '', { act, reason: (form.get('comment') ?? '').trim(), to });
      return page(DONE[act], `<p>${act === 'delegate' ? `It is for ${escaped(to)} to decide now. This link decides nothing any more.` : 'Your decision is recorded. You can close this page.'}</p>`);
    }),
  );
}

function questionPage({ name, assignee, detailsJson, expiresAtMs }: Approval, link: string): string {
  const details = JSON.parse(detailsJson) as Readonly<Record<string, unknown>>;
  const title = typeof details['title'] === 'string' ? details['title'] : name;
  const lines = [
    ...(typeof details['description'] === 'string' ? [`<p>${escaped(details['description'])}</p>`] : []),
    ...(details['data'] === undefined ? [] : [`<pre>${escaped(JSON.stringify(details['data'], null, 2))}</pre>`]),
    ...(assignee === '' ? [] : [`<p>To be decided by ${escaped(assignee)}.</p>`]),
    ...(expiresAtMs === 0 ? [] : [`<p>Until ${new Date(expiresAtMs).toISOString()}.</p>`]),
  ];
  return page(
    title,
    `${lines.join('')}<form method="post" action="${LINK_PATH}"><input type="hidden" name="link" value="${escaped(link)}">
<p><label>Comment<br><textarea name="comment" maxlength="1000" rows="3"></textarea></label></p>
<p><button name="act" value="approve">Approve</button> <button name="act" value="reject">Reject</button></p>
<p><label>Somebody else is to decide <input name="to" maxlength="320"></label> <button name="act" value="delegate">Delegate</button></p></form>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>body{font:1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}pre,textarea{width:100%;overflow:auto;box-sizing:border-box}</style><h1>${escaped(title)}</h1>${body}</html>`;
}

function escaped(text: string): string {
  const shown = text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
  return shown.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
