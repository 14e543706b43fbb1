import { scenariosOf } from './gherkin.ts';
import { failuresOf, type Outcome } from './scenario-checks.ts';

const FEATURE = `Feature: Things
  As somebody

  # A comment
  Scenario: First
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3' }
    do:
      - a: { set: . }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    list: [ 1, 2 ]
    """
    And the workflow output should have properties 'list', 'list.1'
    And the workflow output should have a 'list' property containing 2 items
    And a should run first
    And b should run after a
    And b should complete

  Scenario: Second
    Given a workflow with definition:
    """yaml
    do: []
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 400
    """
    And the moon should rise
`;
const outcome: Outcome = { status: 'completed', output: { list: [1, 2] }, error: undefined, tasks: [{ name: 'a', status: 'completed' }, { name: 'b', status: 'completed' }] };

test('a feature file is its scenarios, each with workflow, input and what must come of it', () => {
  const [first, second] = scenariosOf(FEATURE);
  expect(first).toMatchObject({ name: 'First', definition: "document: { dsl: '1.0.3' }\ndo:\n  - a: { set: . }", input: { n: 1 } });
  expect(first?.checks.map(({ text }) => text)).toHaveLength(6);
  expect(second).toMatchObject({ name: 'Second', definition: 'do: []', input: {} });
  expect(() => scenariosOf('Scenario: x\n  Given a workflow with definition:\n  """\n  do: []\n')).toThrow('does not end');
});

test('what is so passes, and what is not is said with its line', () => {
  const [first, second] = scenariosOf(FEATURE);
  if (first === undefined || second === undefined) throw new Error('two scenarios');
  expect(failuresOf(first, outcome)).toEqual([]);
  expect(failuresOf(first, { ...outcome, output: { list: [1] }, tasks: [{ name: 'b', status: 'faulted' }] })).toEqual([
    expect.stringContaining('the output is {"list":[1]}, not {"list":[1,2]}'),
    expect.stringContaining('the output has no `list.1`'),
    expect.stringContaining('not 2 items'),
    expect.stringContaining('the first task is b, not a'),
    expect.stringContaining('`a` did not run'),
    expect.stringContaining('the task `b` is faulted, not completed'),
  ]);
  expect(failuresOf(second, { ...outcome, status: 'faulted', error: { status: 400, title: 'x' } })).toEqual(['line 37: the step is not known here: the moon should rise']);
  expect(failuresOf(second, { ...outcome, status: 'faulted', error: { status: 500 } })).toContainEqual(expect.stringContaining('`status` of the error is 500, not 400'));
});
