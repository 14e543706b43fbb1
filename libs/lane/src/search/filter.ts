/**
 * Filters of executions: what an operator writes, and the conditions it comes to.
 *
 *     filter    = all *( "or" all )
 *     all       = one *( "and" one )
 *     one       = "not" one / "(" filter ")" / condition
 *     condition = name ( "=" / "!=" / "<" / "<=" / ">" / ">=" ) value
 *               / name [ "not" ] "in" "(" value *( "," value ) ")"
 *               / "field." NAME "exists"
 *     name      = "status" / "workflow" / "version" / "organisation" / "started" / "ended" / "field." NAME
 *     value     = word / quoted text / time;  time = ISO 8601 / "now" / DURATION "ago" (such as 2h ago)
 *
 * F1 `!=` and `not` hold for every execution for which the condition without them does not, so also for one that
 *    lacks the field. A comparison with `ended` does not hold while an execution has not ended.
 * F2 A number without quotes equals that number, and a text written the same; in quotes it is a text alone.
 *    Numbers are ordered among numbers, texts among texts by their UTF-8 bytes.
 * F3 A message names the place, counted in characters from 1.
 */
import type { FieldValue } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { wordsOf, type Word } from './words.ts';

/** Longest filter, in characters. */
export const FILTER_CHARACTERS_MAX = 2_000;
/** Conditions and operators of one filter, and how deep they may be nested. */
export const FILTER_CONDITIONS_MAX = 50;
export const FILTER_DEPTH_MAX = 16;

export type Order = '<' | '<=' | '>' | '>=';

export type Filter =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | { readonly kind: 'text'; readonly property: 'status' | 'workflow' | 'version' | 'organisation'; readonly among: readonly string[] }
  | { readonly kind: 'time'; readonly property: 'started' | 'ended'; readonly order: Order; readonly atMs: number }
  | { readonly kind: 'field'; readonly name: string; readonly test: { readonly among: readonly FieldValue[] } | { readonly order: Order; readonly value: string | number } | 'exists' };

const STATUSES: readonly string[] = ['pending', 'running', 'waiting', 'suspended', 'completed', 'faulted', 'cancelled'];
const NAMES = '`status`, `workflow`, `version`, `organisation`, `started`, `ended` and `field.NAME`';
const ORDERS: readonly string[] = ['<', '<=', '>', '>='];
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * Reads a filter; `nowMs` is what `now` and `ago` count from.
 *
 * @throws MillraceError `argument-invalid`, which names the place.
 */
export function readFilter(text: string, nowMs: number): Filter {
  if (text.length > FILTER_CHARACTERS_MAX) throw new MillraceError('argument-invalid', { message: `The filter has ${text.length} characters; the most is ${FILTER_CHARACTERS_MAX}` });
  const words = wordsOf(text);
  let at = 0;
  let conditions = 0;

  const peek = (): Word => words[at] ?? END(text);
  const next = (): Word => words[at++] ?? END(text);
  const isKeyword = (name: string): boolean => peek().kind === 'word' && peek().text.toLowerCase() === name;
  const takes = (name: string): boolean => {
    if (!isKeyword(name) && !(peek().kind === 'sign' && peek().text === name)) return false;
    at++;
    return true;
  };
  const expectSign = (sign: string, after: string): void => {
    const found = next();
    if (found.kind !== 'sign' || found.text !== sign) throw wrong(found, `expected \`${sign}\` ${after}, not ${shown(found)}`);
  };

  function anyOf(depth: number): Filter {
    const of = [allOf(depth)];
    while (takes('or')) of.push(allOf(depth));
    return of.length === 1 ? (of[0] as Filter) : { kind: 'any', of };
  }

  function allOf(depth: number): Filter {
    const of = [one(depth)];
    while (takes('and')) of.push(one(depth));
    return of.length === 1 ? (of[0] as Filter) : { kind: 'all', of };
  }

  function one(depth: number): Filter {
    if (depth > FILTER_DEPTH_MAX) throw wrong(peek(), `it is nested deeper than ${FILTER_DEPTH_MAX} levels`);
    if (takes('not')) return { kind: 'not', of: one(depth + 1) };
    if (takes('(')) {
      const inner = anyOf(depth + 1);
      expectSign(')', 'at the end of the group');
      return inner;
    }
    return condition();
  }

  function condition(): Filter {
    const name = next();
    if (name.kind !== 'word') throw wrong(name, `expected the name of a property, not ${shown(name)}; there are ${NAMES}`);
    if (++conditions > FILTER_CONDITIONS_MAX) throw wrong(name, `a filter has at most ${FILTER_CONDITIONS_MAX} conditions`);
    const field = /^field\.([A-Za-z_][A-Za-z0-9_]{0,63})$/.exec(name.text)?.[1];
    if (field !== undefined) return fieldCondition(field);
    switch (name.text) {
      case 'status':
      case 'workflow':
      case 'version':
      case 'organisation':
        return textCondition(name.text);
      case 'started':
      case 'ended':
        return timeCondition(name.text);
      default:
        throw wrong(name, `there is no property \`${name.text}\`; there are ${NAMES}`);
    }
  }

  /** The values after `=`, `!=`, `in` or `not in`, and whether the condition is turned around; undefined for another sign. */
  function among(): { readonly values: readonly Word[]; readonly negated: boolean } | undefined {
    const negated = takes('not');
    if (negated || isKeyword('in')) {
      if (!takes('in')) throw wrong(peek(), `expected \`in\` after \`not\`, not ${shown(peek())}`);
      expectSign('(', 'after `in`');
      const values = [value()];
      while (takes(',')) values.push(value());
      expectSign(')', 'at the end of the list');
      return { values, negated };
    }
    const { kind, text: sign } = peek();
    if (kind !== 'sign' || (sign !== '=' && sign !== '!=')) return undefined;
    at++;
    return { values: [value()], negated: sign === '!=' };
  }

  function value(): Word {
    const found = next();
    if (found.kind === 'word' || found.kind === 'text') return found;
    throw wrong(found, `expected a value, not ${shown(found)}`);
  }

  function textCondition(property: 'status' | 'workflow' | 'version' | 'organisation'): Filter {
    const sign = peek();
    const found = among();
    if (found === undefined) throw wrong(sign, `\`${property}\` takes \`=\`, \`!=\` or \`in\`, not ${shown(sign)}`);
    const filter: Filter = { kind: 'text', property, among: found.values.map((each) => (property === 'status' ? statusOf(each) : each.text)) };
    return found.negated ? { kind: 'not', of: filter } : filter;
  }

  function timeCondition(property: 'started' | 'ended'): Filter {
    const sign = next();
    if (sign.kind !== 'sign' || !ORDERS.includes(sign.text)) throw wrong(sign, `\`${property}\` takes \`<\`, \`<=\`, \`>\` or \`>=\`, not ${shown(sign)}`);
    const stated = value();
    const back = /^(\d{1,12})(ms|s|m|h|d|w)$/.exec(stated.text);
    const atMs = stated.text === 'now' ? nowMs : back === null ? dateOf(stated) : nowMs - Number(back[1]) * (UNIT_MS[back[2] as string] as number);
    if (back !== null && !takes('ago')) throw wrong(peek(), `expected \`ago\` after \`${stated.text}\`, not ${shown(peek())}`);
    return { kind: 'time', property, order: sign.text as Order, atMs };
  }

  function fieldCondition(name: string): Filter {
    if (takes('exists')) return { kind: 'field', name, test: 'exists' };
    const sign = peek();
    const found = among();
    if (found !== undefined) {
      const filter: Filter = { kind: 'field', name, test: { among: found.values.flatMap(equalsOf) } };
      return found.negated ? { kind: 'not', of: filter } : filter;
    }
    if (sign.kind !== 'sign' || !ORDERS.includes(sign.text)) throw wrong(sign, `\`field.${name}\` takes \`=\`, \`!=\`, \`<\`, \`<=\`, \`>\`, \`>=\`, \`in\` or \`exists\`, not ${shown(sign)}`);
    at++;
    const stated = value();
    const number = numberOf(stated);
    return { kind: 'field', name, test: { order: sign.text as Order, value: number ?? stated.text } };
  }

  const filter = anyOf(0);
  const rest = peek();
  if (rest.kind !== 'end') throw wrong(rest, `expected \`and\`, \`or\` or the end, not ${shown(rest)}`);
  return filter;
}

const END = (text: string): Word => ({ kind: 'end', text: '', at: text.length + 1 });

function statusOf(word: Word): string {
  // What people call it.
  if (word.text === 'failed') return 'faulted';
  if (!STATUSES.includes(word.text)) throw wrong(word, `there is no status ${JSON.stringify(word.text)}; there are ${STATUSES.map((each) => `\`${each}\``).join(', ')}`);
  return word.text;
}

function dateOf(word: Word): number {
  const ms = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(word.text) ? Date.parse(word.text) : Number.NaN;
  if (Number.isNaN(ms)) throw wrong(word, `${shown(word)} is no time; write \`2h ago\`, \`now\`, a date such as \`2026-03-01\` (UTC) or \`2026-03-01T12:00:00Z\``);
  return ms;
}

function numberOf({ kind, text }: Word): number | undefined {
  return kind === 'word' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** What a value equals (F2). */
function equalsOf(word: Word): readonly FieldValue[] {
  if (word.kind === 'word' && (word.text === 'true' || word.text === 'false')) return [word.text === 'true'];
  const number = numberOf(word);
  return number === undefined ? [word.text] : [number, word.text];
}

function shown({ kind, text }: Word): string {
  return kind === 'end' ? 'the end' : kind === 'text' ? JSON.stringify(text) : `\`${text}\``;
}

function wrong({ at }: Word, message: string): MillraceError {
  return new MillraceError('argument-invalid', { message: `The filter is wrong at character ${at}: ${message}`, details: { character: at } });
}
