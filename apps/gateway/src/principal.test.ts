import { callerOf, organisationWithin, requireOperator, type Principal } from './principal.ts';

const operator: Principal = { kind: 'operator', key: 'o' };
const acme: Principal = { kind: 'organisation', key: 'a', organisation: 'acme' };
const isKnown = (organisation: string): boolean => ['default', 'acme', 'other'].includes(organisation);
const reason = (expected: string): unknown => expect.objectContaining({ reason: expected });

describe('a caller', () => {
  test('with an operator key acts for the organisation it names, and else for the default one while seeing all', () => {
    expect(callerOf(operator, 'acme', isKnown)).toMatchObject({ organisation: 'acme', sight: 'acme' });
    expect(callerOf(operator, '', isKnown)).toMatchObject({ organisation: 'default', sight: '' });
    expect(() => callerOf(operator, 'nobody', isKnown)).toThrow(reason('organisation-unknown') as Error);
  });

  test('with an organisation’s key acts for that one alone', () => {
    expect(callerOf(acme, '', isKnown)).toMatchObject({ organisation: 'acme', sight: 'acme' });
    expect(callerOf(acme, 'acme', isKnown)).toMatchObject({ organisation: 'acme', sight: 'acme' });
    expect(() => callerOf(acme, 'other', isKnown)).toThrow(reason('organisation-denied') as Error);
  });
});

test('a thing inside a call may name another organisation for operators only', () => {
  const asOperator = callerOf(operator, '', isKnown);
  const asAcme = callerOf(acme, '', isKnown);
  expect(organisationWithin(asOperator, '', isKnown)).toBe('default');
  expect(organisationWithin(asOperator, 'other', isKnown)).toBe('other');
  expect(() => organisationWithin(asOperator, 'nobody', isKnown)).toThrow(reason('organisation-unknown') as Error);
  expect(organisationWithin(asAcme, 'acme', isKnown)).toBe('acme');
  expect(() => organisationWithin(asAcme, 'other', isKnown)).toThrow(reason('organisation-denied') as Error);
});

test('what needs an operator is refused to others', () => {
  expect(() => requireOperator(callerOf(acme, '', isKnown), 'This')).toThrow(reason('organisation-denied') as Error);
  expect(() => requireOperator(callerOf(operator, '', isKnown), 'This')).not.toThrow();
});
