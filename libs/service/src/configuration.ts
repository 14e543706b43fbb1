/**
 * The configuration of a process: read once, all problems told together, frozen, shown without its secrets.
 */
import { MillraceError } from '@millrace/errors';
import { withoutPassword, type Setting } from './settings.ts';

/** Settings by the name that code uses for them. */
export type Schema = Readonly<Record<string, Setting<unknown>>>;

/** What a schema reads as. */
export type ConfigOf<S extends Schema> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

export type Environment = Readonly<Record<string, string | undefined>>;

/** Which schema a configuration was read by, so that it can be shown without its secrets. */
const SCHEMAS = new WeakMap<object, Schema>();

/**
 * Reads every setting of a schema.
 *
 * @throws MillraceError `configuration-invalid` whose message and details name every variable that is wrong.
 */
export function readConfiguration<S extends Schema>(schema: S, environment: Environment): ConfigOf<S> {
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, setting] of Object.entries(schema)) {
    const raw = environment[setting.variable];
    // An empty variable is what remains of an unset one in many a manifest.
    const reading = setting.read(raw === undefined || raw.trim() === '' ? undefined : raw.trim());
    if (reading.kind === 'value') config[name] = reading.value;
    else problems.push(`${setting.variable} ${setting.isSecret ? reading.problem.replace(/, not .*/s, '') : reading.problem} (${setting.doc})`);
  }
  if (problems.length > 0) {
    const intro = problems.length === 1 ? 'A setting is wrong' : `${problems.length} settings are wrong`;
    throw new MillraceError('configuration-invalid', { message: `${intro}:\n  ${problems.join('\n  ')}`, details: { problems } });
  }
  SCHEMAS.set(config, schema);
  return Object.freeze(config) as ConfigOf<S>;
}

/** A configuration as it may be logged: secrets and passwords in URLs are `***`, an absent secret stays visible as such. */
export function redact(config: object): Readonly<Record<string, unknown>> {
  const schema = SCHEMAS.get(config) ?? {};
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) {
    const setting = schema[name];
    // A configuration that was put together by hand says nothing of its secrets: nothing of it is shown.
    const hidden = setting === undefined || setting.isSecret;
    if (hidden) shown[name] = value === '' || value === undefined ? value : '***';
    else shown[name] = typeof value === 'string' ? withoutPassword(value) : value;
  }
  return shown;
}
