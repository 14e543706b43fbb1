/**
 * Settings as declarations: what an environment variable is called, what it may hold, and what it means.
 *
 * Owns reading one variable. Reading nothing and reading something wrong are results, not exceptions, so that
 * all problems of a configuration can be told together (see configuration.ts).
 */

/** What reading a variable came to. */
export type Reading<T> = { readonly kind: 'value'; readonly value: T } | { readonly kind: 'problem'; readonly problem: string };

/** One setting. */
export interface Setting<T> {
  readonly variable: string;
  readonly doc: string;
  /** Whether the value is never shown. */
  readonly isSecret: boolean;
  /** `raw` is undefined when the variable is absent or empty. */
  read(raw: string | undefined): Reading<T>;
}

/** What a variable means, and what stands for it when it is absent; without a default it must be there. */
export interface Description<T> {
  readonly doc: string;
  readonly default?: T;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Any text. */
export function text(variable: string, description: Description<string>): Setting<string> {
  return setting(variable, description, (raw) => value(raw));
}

/** Text that is never shown: not by `redact`, not in a problem. */
export function secret(variable: string, description: Description<string>): Setting<string> {
  return { ...setting(variable, description, (raw) => value(raw)), isSecret: true };
}

/** A whole number. */
export function integer(variable: string, description: Description<number> & Range): Setting<number> {
  return setting(variable, description, (raw) => {
    const parsed = Number(raw);
    if (!/^-?\d+$/.test(raw) || !Number.isSafeInteger(parsed)) return problem(`must be a whole number, not ${JSON.stringify(raw)}`);
    return inRange(parsed, description, '');
  });
}

/** A duration in milliseconds, written as `250ms`, `10s`, `2m`, `1h`, or as a bare number of milliseconds. */
export function durationMs(variable: string, description: Description<number> & Range): Setting<number> {
  return setting(variable, description, (raw) => {
    const [, digits, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(raw) ?? [];
    if (digits === undefined) return problem(`must be a duration such as 250ms, 10s or 2m, not ${JSON.stringify(raw)}`);
    return inRange(Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS], description, ' ms');
  });
}

/** True or false; `1`, `yes` and `on` count as true, their opposites as false. */
export function flag(variable: string, description: Description<boolean>): Setting<boolean> {
  return setting(variable, description, (raw) => {
    const lower = raw.toLowerCase();
    if (['true', '1', 'yes', 'on'].includes(lower)) return value(true);
    if (['false', '0', 'no', 'off'].includes(lower)) return value(false);
    return problem(`must be true or false, not ${JSON.stringify(raw)}`);
  });
}

/** A URL of one of these protocols (`['http:', 'https:']`); several separated by commas where `several` is set. */
export function url(
  variable: string,
  description: Description<string> & { readonly protocols?: readonly string[]; readonly several?: boolean },
): Setting<string> {
  const { protocols, several = false } = description;
  return setting(variable, description, (raw) => {
    for (const part of several ? raw.split(',') : [raw]) {
      // MongoDB's URLs name several hosts, which URL does not parse; one of them stands for all.
      const parsed = URL.parse(part.trim().replace(/^(mongodb:\/\/(?:[^@/]*@)?[^,/]+)(?:,[^/]+)/, '$1'));
      if (parsed === null) return problem(`must be a URL, not ${JSON.stringify(withoutPassword(part))}`);
      if (protocols !== undefined && !protocols.includes(parsed.protocol)) {
        return problem(`must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
      }
    }
    return value(raw);
  });
}

/** Texts separated by commas; blanks around them do not count. */
export function list(variable: string, description: Description<readonly string[]>): Setting<readonly string[]> {
  return setting(variable, description, (raw) => value(raw.split(',').map((part) => part.trim()).filter((part) => part !== '')));
}

/** One of these texts. */
export function choice<const T extends string>(variable: string, options: readonly T[], description: Description<T>): Setting<T> {
  return setting(variable, description, (raw) => {
    const found = options.find((option) => option === raw);
    return found === undefined ? problem(`must be one of ${options.join(', ')}, not ${JSON.stringify(raw)}`) : value(found);
  });
}

/** The same setting, undefined when the variable is absent. */
export function optional<T>(inner: Setting<T>): Setting<T | undefined> {
  return { ...inner, read: (raw) => (raw === undefined ? value(undefined) : inner.read(raw)) };
}

/** A URL as it may be shown. */
export function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^:@/]*):[^@/]*@/g, '$1:***@');
}

function setting<T>(variable: string, description: Description<T>, parse: (raw: string) => Reading<T>): Setting<T> {
  return {
    variable,
    doc: description.doc,
    isSecret: false,
    read: (raw) => {
      if (raw !== undefined) return parse(raw);
      if (description.default !== undefined) return value(description.default);
      return problem('is missing');
    },
  };
}

function inRange(number: number, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Range, unit: string): Reading<number> {
  if (number < min) return problem(`must be at least ${min}${unit}, not ${number}`);
  if (number > max) return problem(`must be at most ${max}${unit}, not ${number}`);
  return value(number);
}

function value<T>(result: T): Reading<T> {
  return { kind: 'value', value: result };
}

function problem<T>(text: string): Reading<T> {
  return { kind: 'problem', problem: text };
}
