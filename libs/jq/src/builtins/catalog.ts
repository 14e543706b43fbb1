// All builtins by "name/arity".

import { ARRAYS } from './arrays.ts';
import type { Builtin } from './builtin.ts';
import { CONVERSION } from './conversion.ts';
import { DATES } from './dates.ts';
import { GENERATION } from './generation.ts';
import { NUMBERS } from './numbers.ts';
import { OBJECTS } from './objects.ts';
import { PLACES } from './places.ts';
import { REGULAR_EXPRESSIONS } from './regular-expressions.ts';
import { SELECTION } from './selection.ts';
import { SORTING } from './sorting.ts';
import { STRINGS } from './strings.ts';

export { PRELUDE } from './prelude.ts';
export { REFUSED } from './refused.ts';

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map([
  ...SELECTION,
  ...GENERATION,
  ...CONVERSION,
  ...NUMBERS,
  ...STRINGS,
  ...ARRAYS,
  ...SORTING,
  ...OBJECTS,
  ...PLACES,
  ...REGULAR_EXPRESSIONS,
  ...DATES,
]);
