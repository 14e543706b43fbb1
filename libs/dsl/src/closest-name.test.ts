import { closestName } from './closest-name.ts';

describe('closestName', () => {
  test.each([
    ['methd', ['method', 'endpoint'], 'method'],
    ['edn', ['continue', 'exit', 'end'], 'end'],
    ['Timeout', ['timeout'], 'timeout'],
    ['enpoint', ['endpoint', 'point'], 'endpoint'],
    ['statement', ['stop', 'start'], undefined],
    ['c', ['a', 'b'], undefined],
    ['end', ['end'], undefined],
    ['anything', [], undefined],
  ])('for %s among %j it is %s', (name, candidates, expected) => {
    expect(closestName(name, candidates)).toBe(expected);
  });
});
