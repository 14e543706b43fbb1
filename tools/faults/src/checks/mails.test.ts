import type { ArrivedMail, ClientStart } from '../evidence.ts';
import { checkMails } from './mails.ts';
import { fault, RIGHT } from './sample.test-support.ts';

const starts: readonly ClientStart[] = [{ organisation: 'o', workflow: 'mail', key: 'k', answers: [], conflicts: [] }];
const mail: ArrivedMail = { subject: 'k', messageId: '<1>', atMs: 1_000 };
const violationsOf = (mails: readonly ArrivedMail[], faults = [fault(900, 1_100)]): readonly string[] => checkMails({ ...RIGHT, starts, mails, faults }, ({ key }) => key).violations;

test('a mail that arrived is right, and one that arrived again at a fault under its Message-ID', () => {
  expect(violationsOf([mail])).toEqual([]);
  expect(violationsOf([mail, mail])).toEqual([]);
});

test('a mail that never arrived is found, and so is one that nobody asked for', () => {
  expect(violationsOf([])).toEqual(['the mail k never arrived']);
  expect(violationsOf([mail, { ...mail, subject: 'other' }])).toEqual(['the mail other arrived, and no start asks for it']);
});

test('a mail that arrived under two Message-IDs, or again though nothing was broken, is found', () => {
  expect(violationsOf([mail, { ...mail, messageId: '<2>' }])).toEqual(['the mail k arrived under several Message-IDs']);
  expect(violationsOf([mail, mail], [])).toEqual(['the mail k arrived 2 times, and nothing was broken']);
});
