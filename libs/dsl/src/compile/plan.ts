/**
 * Numbers the tasks of a document before any of them is compiled, so that directives can point forward.
 *
 * N1 Numbers follow the order of tasks in their lists, a task before those inside it; the root is 0. The
 *    block of a `try` comes before its handler. The order of properties in an object plays no part:
 *    documents of the same canonical content have the same numbers.
 * N2 A call of a function of the document is a block: first its input (`with`), then the function's own task, which
 *    is numbered anew for every call.
 * N3 A task that extensions are about stands in a block for each of them, which also has their tasks; see `extensions.ts`.
 * N4 An AsyncAPI subscription with a `foreach` is a block as well; see `subscription.ts`.
 */
import type { JsonValue } from '@millrace/engine';
import { childPointer, lastSegmentOf } from '../json-pointer.ts';
import { isList, isObject, onlyEntry, property, type JsonObject } from '../json-value.ts';
import { PLANNED_TASKS_MAX } from '../limits.ts';
import { kindsOf, type TaskKind } from '../task-kinds.ts';
import { isWindowed, iteratedSubscription, type SubscriptionPart } from './subscription.ts';
import { extensionsOf, isAbout, type Extension, type ExtensionPart } from './extensions.ts';

/** A task with its number. Its reference is also its pointer in the document. */
export interface PlannedTask {
  readonly number: number;
  readonly name: string;
  readonly reference: string;
  readonly kind: TaskKind;
  readonly definition: JsonObject;
  /** The tasks of `do` or `try`, the branches of `fork`, or what a call of a function of the document runs. */
  readonly block: readonly PlannedTask[];
  /** The tasks of `catch.do`. */
  readonly handler: readonly PlannedTask[];
  /** A function's or an extension's task: it sees nothing that the tasks around it declare. */
  readonly isFunction?: true;
  /** What it is for an extension or a subscription, where it is more than a task of the document. */
  readonly part?: ExtensionPart | SubscriptionPart;
  /** A task of an extension: the number of the block around the task that it extends. */
  readonly extends?: number;
  /** Its condition and directive are those of a block around it. */
  readonly isInner?: true;
}

/** Where a task is planned. */
interface Context {
  /** The functions that are being called. */
  readonly functions: readonly string[];
  readonly extends?: number;
  readonly areBranches?: true;
}

/** The function of the document that a task calls, by name. */
export function functionCalledBy(definition: JsonObject, document: JsonObject): string | undefined {
  const called = definition['call'];
  const functions = property(document['use'], 'functions');
  return typeof called === 'string' && isObject(functions) && Object.hasOwn(functions, called) ? called : undefined;
}

/** Where the tasks inside a task stand. */
const BLOCKS: Readonly<Partial<Record<TaskKind, readonly string[]>>> = { do: ['do'], for: ['do'], try: ['try'], fork: ['fork', 'branches'], listen: ['foreach', 'do'] };

/** Plans the lists of tasks that this release runs; the content of others has no numbers. */
export function planTasks(document: JsonObject): readonly PlannedTask[] {
  let count = 1;
  const extensions = extensionsOf(document);
  const planTask = (name: string, definition: JsonObject, reference: string, context: Context): PlannedTask => {
    const number = count++;
    const kind = kindsOf(definition)[0] ?? 'do';
    const path = BLOCKS[kind];
    const { areBranches: _areBranches, ...inside } = context;
    const within: Context = kind === 'fork' ? { ...inside, areBranches: true } : inside;
    const block = path === undefined ? planFunction(definition, reference, inside) : planList(path.reduce<JsonValue | undefined>(property, definition), path.reduce(childPointer, reference), within);
    const handler = kind === 'try' ? planList(property(definition['catch'], 'do'), `${reference}/catch/do`, inside) : [];
    return { number, name, reference, kind, definition, block, handler, ...(context.extends === undefined ? {} : { extends: context.extends }) };
  };
  const planList = (list: JsonValue | undefined, pointer: string, context: Context): readonly PlannedTask[] => {
    if (!isList(list)) return [];
    return list.flatMap((item, index) => {
      const [name = '', value] = onlyEntry(item) ?? [];
      const definition = (value ?? {}) as JsonObject;
      return planExtended(name, definition, childPointer(childPointer(pointer, index), name), context, extensionsFor(definition, context));
    });
  };
  /** Tasks of extensions are not extended; nor is what would make the plan too large, which is refused when its calls are. */
  const extensionsFor = (definition: JsonObject, context: Context): readonly Extension[] => {
    if (context.extends !== undefined || count > PLANNED_TASKS_MAX) return [];
    return extensions.filter((extension) => isAbout(extension, kindsOf(definition)[0] ?? 'do'));
  };
  /** N3. A switch leads out of its list, so it follows the block; a branch has to be one task. */
  const planExtended = (name: string, definition: JsonObject, reference: string, context: Context, [extension, ...rest]: readonly Extension[]): readonly PlannedTask[] => {
    if (extension === undefined) return [planTask(name, definition, reference, context)];
    const isSwitch = kindsOf(definition)[0] === 'switch';
    if (isSwitch && context.areBranches) {
      const { areBranches: _areBranches, ...inside } = context;
      const number = count++;
      return [{ number, name, reference, kind: 'do', definition, block: planExtended(name, definition, reference, inside, [extension, ...rest]), handler: [], part: { kind: 'branch' } }];
    }
    const number = count++;
    const before = planBefore(extension, number, context);
    const extended = isSwitch ? [] : planExtended(name, definition, reference, context, rest).map((task) => ({ ...task, isInner: true as const }));
    const after = planAfter(extension, number, context);
    const around: PlannedTask = { number, name, reference, kind: 'do', definition, block: [...before, ...extended, ...after], handler: [], part: { kind: 'around', extension, isBeside: isSwitch } };
    return isSwitch ? [around, ...planExtended(name, definition, reference, context, rest)] : [around];
  };
  /** N4. */
  const planSubscription = (subscription: JsonObject, definition: JsonObject, reference: string, context: Context): readonly PlannedTask[] => {
    const taskName = lastSegmentOf(reference) ?? '';
    const windowed = isWindowed(subscription);
    const part = (name: string, kind: TaskKind, part: SubscriptionPart, plan: () => readonly PlannedTask[] = () => []): PlannedTask => {
      const number = count++;
      return { number, name, reference, kind, definition, block: plan(), handler: [], part, isInner: true };
    };
    const tasks = (): readonly PlannedTask[] => planList(property(subscription['foreach'], 'do'), `${reference}/with/subscription/foreach/do`, context);
    const consume = part('consume', 'do', { kind: 'consume' }, () => [part(taskName, 'call', { kind: 'subscribe', isWindowed: windowed })]);
    const messages = part('foreach', 'for', { kind: 'messages' }, () => [part('message', 'do', { kind: 'message' }, () => [part('item', 'do', { kind: 'item' }, tasks)])]);
    const over = windowed ? [part('over', 'switch', { kind: 'over', again: consume.number })] : [];
    return [consume, messages, ...over, part('outputs', 'set', { kind: 'outputs' })];
  };
  const planBefore = (extension: Extension, around: number, context: Context): readonly PlannedTask[] => {
    if (!isList(extension.before) || extension.before.length === 0) return [];
    const synthetic = { name: extension.name, reference: extension.pointer, definition: {}, block: [], handler: [], extends: around } as const;
    const chooses = extension.when === undefined ? undefined : count++;
    const tasks = planList(extension.before, `${extension.pointer}/before`, { functions: context.functions, extends: around }).map((task) => ({ ...task, isFunction: true as const }));
    const restore: PlannedTask = { ...synthetic, number: count++, kind: 'set', part: { kind: 'restore' } };
    return [...(chooses === undefined ? [] : [{ ...synthetic, number: chooses, kind: 'switch', part: { kind: 'choose', extension, otherwise: restore.number } } as const]), ...tasks, restore];
  };
  const planAfter = (extension: Extension, around: number, context: Context): readonly PlannedTask[] => {
    if (!isList(extension.after) || extension.after.length === 0) return [];
    const number = count++;
    const block = planList(extension.after, `${extension.pointer}/after`, { functions: context.functions, extends: around });
    return [{ number, name: extension.name, reference: `${extension.pointer}/after`, kind: 'do', definition: {}, block, handler: [], isFunction: true, part: { kind: 'after', extension }, extends: around }];
  };
  /** N2. A function that calls itself, or one too many, has no tasks here; the compiler then refuses the call. */
  const planFunction = (definition: JsonObject, reference: string, context: Context): readonly PlannedTask[] => {
    const subscription = iteratedSubscription(definition);
    if (subscription !== undefined) return planSubscription(subscription, definition, reference, context);
    const name = functionCalledBy(definition, document);
    if (name === undefined || context.functions.includes(name) || count > PLANNED_TASKS_MAX) return [];
    const given = definition['with'];
    const input: readonly PlannedTask[] = given === undefined ? [] : [{ number: count++, name: 'with', reference, kind: 'set', definition: { with: given }, block: [], handler: [] }];
    const body = property(property(document['use'], 'functions'), name);
    return [...input, { ...planTask(name, (body ?? {}) as JsonObject, childPointer('/use/functions', name), { ...context, functions: [...context.functions, name] }), isFunction: true }];
  };
  return planList(document['do'], '/do', { functions: [] });
}
