/**
 * A program as text to read: one line a node, its parts below it. For reviews, tests and explanations.
 */
import { NO_NODE, type CatchClause, type Duration, type EventSelection, type Expression, type Flow, type Node, type Program, type RetryPolicy, type Template } from '@millrace/engine';

/** The text; equal programs have equal texts, apart from schemas, of which only the presence is shown. */
export function programText(program: Program): string {
  const head = [`program ${program.namespace}/${program.name}@${program.version}`, ...dataLines(program)];
  const depths = new Map<number, number>();
  const nodes = program.nodes.flatMap((node) => {
    const depth = node.parent === NO_NODE ? 0 : (depths.get(node.parent) ?? 0) + 1;
    depths.set(node.number, depth);
    const indent = '  '.repeat(depth);
    return [`${indent}${node.number} ${node.kind} ${node.reference}${nextText(node)}`, ...nodeLines(node).map((line) => `${indent}    ${line}`)];
  });
  return [...head, ...nodes].join('\n');
}

function nextText(node: Node): string {
  const next = node.next === NO_NODE ? '' : ` next ${node.next}`;
  return node.then.kind === 'continue' ? next : `${next} then ${flowText(node.then)}`;
}

function nodeLines(node: Node): readonly string[] {
  const condition = node.if ? [`if ${expressionText(node.if)}`] : [];
  const timeout = node.timeoutMs ? [`timeout ${durationText(node.timeoutMs)}`] : [];
  const extended = node.extends === undefined ? [] : [`extends ${node.extends}`];
  return [...extended, ...condition, ...timeout, ...ownLines(node), ...dataLines(node)];
}

function ownLines(node: Node): readonly string[] {
  switch (node.kind) {
    case 'do':
      return [`first ${nodeText(node.first)}`];
    case 'set':
      return [`value ${templateText(node.value)}`];
    case 'switch':
      return node.cases.map((option) => `case ${option.name}: ${option.when ? `when ${expressionText(option.when)} ` : ''}then ${flowText(option.then)}`);
    case 'for':
      return [`for $${node.each} at $${node.at} in ${expressionText(node.in)}`, ...(node.while ? [`while ${expressionText(node.while)}`] : []), `first ${nodeText(node.first)}`];
    case 'listen':
      return [
        `to ${selectionText(node.to)}, read ${node.read}`,
        ...(node.until === undefined ? [] : [`until ${node.until.kind === 'condition' ? expressionText(node.until.expression) : selectionText(node.until.selection)}`]),
        ...(node.first === NO_NODE ? [] : [`foreach $${node.each} at $${node.at} first ${nodeText(node.first)}`]),
        ...(node.itemOutputAs ? [`item output as ${templateText(node.itemOutputAs)}`] : []),
        ...(node.itemExportAs ? [`item export as ${templateText(node.itemExportAs)}`] : []),
      ];
    case 'fork':
      return [`branches ${node.branches.join(' ')}${node.compete ? ', competing' : ''}`];
    case 'try':
      return [`first ${nodeText(node.first)}`, ...catchLines(node.catch)];
    case 'raise':
      return [`error ${templateText(node.error)}`];
    case 'wait':
      return [`for ${durationText(node.durationMs)}`];
    case 'call':
      return [`operation ${node.operation}`, ...(node.connection === undefined ? [] : [`connection ${node.connection}`]), `arguments ${templateText(node.arguments)}`, ...(node.isDetached ? ['not awaited'] : [])];
  }
}

function selectionText({ mode, filters }: EventSelection): string {
  const texts = filters.map(({ with: attributes, correlate }) => [...attributes.map(({ attribute, expression }) => `${attribute} ${expressionText(expression)}`), ...correlate.map(({ name, from, expect }) => `correlate ${name} ${expressionText(from)}${expect ? ` is ${templateText(expect)}` : ''}`)].join(', '));
  return `${mode} [${texts.join('; ')}]`;
}

function catchLines(clause: CatchClause): readonly string[] {
  return [
    `catch${clause.with ? ` ${JSON.stringify(clause.with)}` : ''} as $${clause.as} first ${nodeText(clause.first)}`,
    ...(clause.when ? [`  when ${expressionText(clause.when)}`] : []),
    ...(clause.exceptWhen ? [`  except when ${expressionText(clause.exceptWhen)}`] : []),
    ...(clause.retry ? retryLines(clause.retry) : []),
  ];
}

function retryLines(retry: RetryPolicy): readonly string[] {
  const most = retry.attemptsMax === undefined ? '' : `, at most ${retry.attemptsMax} attempts`;
  const total = retry.totalMs === undefined ? '' : `, within ${durationText(retry.totalMs)}`;
  const attempt = retry.attemptMs === undefined ? '' : `, ${durationText(retry.attemptMs)} an attempt`;
  const jitter = retry.jitterFromMs && retry.jitterToMs ? `, jitter ${durationText(retry.jitterFromMs)} to ${durationText(retry.jitterToMs)}` : '';
  return [
    `  retry after ${durationText(retry.delay)} ${retry.backoff}${most}${attempt}${total}${jitter}`,
    ...(retry.when ? [`    when ${expressionText(retry.when)}`] : []),
    ...(retry.exceptWhen ? [`    except when ${expressionText(retry.exceptWhen)}`] : []),
  ];
}

function dataLines(owner: Pick<Node, 'inputSchema' | 'inputFrom' | 'outputAs' | 'outputSchema' | 'exportAs' | 'exportSchema'>): readonly string[] {
  return [
    ...(owner.inputSchema ? ['input schema'] : []),
    ...(owner.inputFrom ? [`input from ${templateText(owner.inputFrom)}`] : []),
    ...(owner.outputAs ? [`output as ${templateText(owner.outputAs)}`] : []),
    ...(owner.outputSchema ? ['output schema'] : []),
    ...(owner.exportAs ? [`export as ${templateText(owner.exportAs)}`] : []),
    ...(owner.exportSchema ? ['export schema'] : []),
  ];
}

function templateText(template: Template): string {
  switch (template.kind) {
    case 'literal':
      return JSON.stringify(template.value);
    case 'expression':
      return expressionText(template.expression);
    case 'array':
      return `[${template.items.map(templateText).join(', ')}]`;
    case 'object':
      return `{${template.entries.map(([name, value]) => `${name}: ${templateText(value)}`).join(', ')}}`;
    case 'uri':
      return `uri ${template.parts.map((part) => ('text' in part ? part.text : `{${part.name}}`)).join('')}`;
  }
}

function expressionText(expression: Expression): string {
  const variables = expression.variables.length === 0 ? '' : ` (${expression.variables.map((name) => `$${name}`).join(' ')})`;
  return `‹${expression.source}›${variables}`;
}

function durationText(duration: Duration): string {
  return duration.kind === 'fixed' ? `${duration.ms} ms` : templateText(duration.template);
}

function flowText(flow: Flow): string {
  return flow.kind === 'goto' ? String(flow.node) : flow.kind;
}

function nodeText(number: number): string {
  return number === NO_NODE ? 'none' : String(number);
}
