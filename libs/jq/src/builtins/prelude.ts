// Builtins that are shortest in jq itself. Each is compiled only into programs that call it.

const DEFINITIONS: readonly string[] = [
  'def leaf_paths: paths(scalars);',
  'def walk(f): def visit: (if type == "object" or type == "array" then map_values(visit) else . end) | f; visit;',
  'def IN(candidates): any(candidates == .; .);',
  'def IN(wanted; candidates): any(wanted == candidates; .);',
  'def INDEX(rows; key): reduce rows as $row ({}; .[$row | key | tostring] = $row);',
  'def INDEX(key): INDEX(.[]; key);',
  'def JOIN($index; key): [.[] as $row | [$row, $index[$row | key]]];',
  'def JOIN($index; rows; key): rows | [., $index[key]];',
  'def JOIN($index; rows; key; joined): rows | [., $index[key]] | joined;',
  'def ascii: [.] | implode;',
  'def todate: strftime("%Y-%m-%dT%H:%M:%SZ");',
  'def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");',
  'def date: todate;',
  'def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;',
  'def fromdate: fromdateiso8601;',
  'def dateadd(unit; amount): . + amount;',
  'def datesub(unit; amount): . - amount;',
];

/** "name/arity" to definition. */
export const PRELUDE: ReadonlyMap<string, string> = new Map(
  DEFINITIONS.map((text) => {
    const head = /^def ([A-Za-z_0-9]+)(?:\(([^)]*)\))?:/.exec(text);
    const arity = head?.[2] === undefined ? 0 : head[2].split(';').length;
    return [`${head?.[1] ?? ''}/${arity}`, text] as const;
  }),
);
