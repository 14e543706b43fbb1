import { failureOf, formatProblem, inFileOrder, reasonOf, type Problem } from './problem.ts';

const problem = (line: number, column: number, more: Partial<Problem> = {}): Problem => ({ file: 'f.yaml', line, column, pointer: '', reason: 'workflow-invalid', message: 'wrong', ...more });

describe('problems', () => {
  test('are written with their place, the suggestion on a line of its own', () => {
    expect(formatProblem(problem(3, 7))).toBe('f.yaml:3:7: wrong');
    expect(formatProblem(problem(3, 7, { suggestion: 'do this' }))).toBe('f.yaml:3:7: wrong\n  do this');
  });

  test('are put in the order of the file, each once', () => {
    expect(inFileOrder([problem(3, 1), problem(2, 9), problem(2, 1), problem(3, 1)])).toEqual([problem(2, 1), problem(2, 9), problem(3, 1)]);
  });

  test('are unsupported together only when none of them is wrong', () => {
    const unsupported = problem(1, 1, { reason: 'workflow-unsupported' });
    expect(reasonOf([unsupported, unsupported])).toBe('workflow-unsupported');
    expect(reasonOf([unsupported, problem(2, 1)])).toBe('workflow-invalid');
  });

  test('make one failure that has them all', () => {
    const failure = failureOf([problem(1, 1), problem(2, 1, { reason: 'workflow-unsupported' })]);
    expect(failure).toMatchObject({ code: 'invalid-argument', reason: 'workflow-invalid', message: 'f.yaml:1:1: wrong\nf.yaml:2:1: wrong' });
    expect(failure.details['problems']).toHaveLength(2);
  });
});
