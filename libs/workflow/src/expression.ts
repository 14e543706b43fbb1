/**
 * Expressions with the type of what they come to.
 *
 * Owns how a path in TypeScript becomes jq: `input.customer.email` is `${ .customer.email }`. Does not own evaluation;
 * a type here is what the author says a value is, and JSON Schemas in the document are what is checked.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

declare const TYPE: unique symbol;
const SOURCE: unique symbol = Symbol('jq');

/** An expression, written into a document as `${ … }`. */
export interface Expr<T = unknown> {
  readonly [SOURCE]: string;
  /** Never there: the type of the value. */
  readonly [TYPE]?: T;
}

/** An expression whose parts can be named: `order.customer.email`, `order.lines[0]`. */
export type Path<T = unknown> = Expr<T> & (T extends readonly (infer E)[] ? { readonly [index: number]: Path<E> } : T extends object ? { readonly [K in keyof T]-?: Path<T[K]> } : unknown);

/** What a value with expressions inside comes to. */
export type Resolved<V> = V extends { readonly [TYPE]?: infer T; readonly [SOURCE]: string }
  ? T
  : V extends string
    ? V extends `\${${string}` ? unknown : string
    : V extends number
      ? number
      : V extends boolean
        ? boolean
        : V extends readonly (infer E)[]
          ? readonly Resolved<E>[]
          : V extends object
            ? { readonly [K in keyof V]: Resolved<V[K]> }
            : V;

/** A value of which any part may be an expression. */
export type Template = Json | Expr | undefined | readonly Template[] | { readonly [key: string]: Template };

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The path that begins with a jq source, such as `.` or `$context`. */
export function pathOf<T>(source: string): Path<T> {
  return new Proxy(Object.freeze({ [SOURCE]: source }), {
    get: (target, name) => {
      if (name === SOURCE) return target[SOURCE];
      if (typeof name !== 'string') return undefined;
      return pathOf(joined(source, name));
    },
  }) as unknown as Path<T>;
}

/** Stands for a task's input until it is known where: `.`, but `$input` where `.` is already the output. */
const INPUT = '\ue000';

/** The path of the input of the task that is being made. */
export function inputPath<T>(): Path<T> {
  return pathOf<T>(INPUT);
}

/** How the input is called: `.` until the task has an output of its own. */
export type InputName = '.' | '$input';

function named(source: string, input: InputName): string {
  return input === '.' ? source.replace(/\ue000(?=\.)/g, '').replaceAll(INPUT, '.') : source.replaceAll(INPUT, input);
}

function joined(source: string, name: string): string {
  if (/^\d+$/.test(name)) return `${source}[${name}]`;
  if (NAME.test(name)) return source === '.' ? `.${name}` : `${source}.${name}`;
  return `${source}[${JSON.stringify(name)}]`;
}

/**
 * jq with paths inside: ``jq<number>`${input.price} * ${input.count}` ``. Values that are no expressions are written as JSON.
 * What must not be taken for a template of TypeScript is written with `String.raw`'s rules: backslashes stay.
 */
export function jq<T = unknown>(parts: TemplateStringsArray | string, ...values: readonly (Expr | Json)[]): Expr<T> {
  const source = typeof parts === 'string' ? parts : parts.raw.map((part, index) => part + (index < values.length ? inner(values[index]) : '')).join('');
  return Object.freeze({ [SOURCE]: source.trim() }) as Expr<T>;
}

function inner(value: Expr | Json | undefined): string {
  return isExpr(value) ? value[SOURCE] : JSON.stringify(value ?? null);
}

export function isExpr(value: unknown): value is Expr {
  return typeof value === 'object' && value !== null && typeof (value as { readonly [SOURCE]?: unknown })[SOURCE] === 'string';
}

/** The jq source of an expression, without its braces. */
export function sourceOf(expression: Expr): string {
  return named(expression[SOURCE], '.');
}

/** The value as it stands in a document: expressions as texts, what is undefined left out. */
export function plain(value: Template | object, input: InputName = '.'): Json {
  if (isExpr(value)) return `\${ ${named(value[SOURCE], input)} }`;
  if (Array.isArray(value)) return value.map((each: Template) => plain(each ?? null, input));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value as Record<string, Template>).filter(([, each]) => each !== undefined);
    return Object.fromEntries(entries.map(([name, each]) => [name, plain(each as Template, input)]));
  }
  return value as Json;
}
