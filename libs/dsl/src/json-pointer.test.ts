import fc from 'fast-check';
import { childPointer, lastSegmentOf, segmentsOf } from './json-pointer.ts';

describe('JSON pointers', () => {
  test('escape the two characters that RFC 6901 gives a meaning', () => {
    expect(childPointer('/do/0', 'a/b~c')).toBe('/do/0/a~1b~0c');
    expect(segmentsOf('/do/0/a~1b~0c')).toEqual(['do', '0', 'a/b~c']);
    expect(lastSegmentOf('/do/0/a~1b~0c')).toBe('a/b~c');
    expect(lastSegmentOf('')).toBeUndefined();
  });

  test('give back the segments they were made of', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (segments) => {
        expect(segmentsOf(segments.reduce<string>((pointer, segment) => childPointer(pointer, segment), ''))).toEqual(segments);
      }),
    );
  });
});
