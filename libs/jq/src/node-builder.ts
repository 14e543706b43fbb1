// Makes syntax nodes: records the height of the tree and refuses trees too high to visit.

import { refuse } from './source-position.ts';
import type { Span } from './source-position.ts';
import type { Node, NodeBody, Pattern } from './syntax.ts';

/** Chains such as `1+1+1+…` make high trees without nesting any brackets. */
export const TREE_HEIGHT_MAX = 400;

export function makeNode(body: NodeBody, span: Span): Node {
  const height = 1 + heightBelow(body);
  if (height > TREE_HEIGHT_MAX) refuse(`the expression is a chain of more than ${TREE_HEIGHT_MAX} parts: split it with "|" or "def"`, span);
  return { ...body, offset: span.offset, length: span.length, height };
}

function tallest(nodes: Iterable<Node | null>): number {
  let height = 0;
  for (const node of nodes) if (node !== null && node.height > height) height = node.height;
  return height;
}

/** Stages and branches nest when they run, so each counts as a level. */
function heightBelow(body: NodeBody): number {
  const below = tallest(childrenOf(body));
  if (body.kind === 'pipe') return below + body.stages.length;
  if (body.kind === 'bind' || body.kind === 'reduce' || body.kind === 'foreach') return below + patternLevels(body.patterns);
  return body.kind === 'if' ? below + body.branches.length : below;
}

/** Binding a pattern nests a few calls for every part of it. */
function patternLevels(patterns: readonly Pattern[]): number {
  let levels = 0;
  for (const pattern of patterns) {
    levels += 2;
    if (pattern.kind === 'array') levels += patternLevels(pattern.items);
    if (pattern.kind === 'object') for (const { value } of pattern.entries) levels += 2 + (value === null ? 0 : patternLevels([value]));
  }
  return levels;
}

function* patternNodes(patterns: readonly Pattern[]): Iterable<Node> {
  for (const pattern of patterns) {
    if (pattern.kind === 'array') yield* patternNodes(pattern.items);
    if (pattern.kind === 'object') {
      for (const entry of pattern.entries) {
        yield entry.key;
        if (entry.value !== null) yield* patternNodes([entry.value]);
      }
    }
  }
}

/** Every node directly below. */
export function* childrenOf(body: NodeBody): Iterable<Node | null> {
  switch (body.kind) {
    case 'index':
      yield body.target;
      yield body.key;
      return;
    case 'slice':
      yield body.target;
      yield body.from;
      yield body.to;
      return;
    case 'iterate':
      yield body.target;
      return;
    case 'string':
      for (const part of body.parts) if (typeof part !== 'string') yield part;
      return;
    case 'array':
      yield body.body;
      return;
    case 'object':
      for (const entry of body.entries) {
        yield entry.key;
        yield entry.value;
      }
      return;
    case 'negate':
      yield body.operand;
      return;
    case 'pipe':
      yield* body.stages;
      return;
    case 'comma':
      yield* body.items;
      return;
    case 'arithmetic':
    case 'comparison':
    case 'logic':
    case 'alternative':
      yield body.left;
      yield body.right;
      return;
    case 'update':
      yield body.target;
      yield body.value;
      return;
    case 'if':
      for (const branch of body.branches) {
        yield branch.condition;
        yield branch.then;
      }
      yield body.otherwise;
      return;
    case 'try':
      yield body.body;
      yield body.handler;
      return;
    case 'reduce':
      yield* patternNodes(body.patterns);
      yield body.source;
      yield body.initial;
      yield body.update;
      return;
    case 'foreach':
      yield* patternNodes(body.patterns);
      yield body.source;
      yield body.initial;
      yield body.update;
      yield body.extract;
      return;
    case 'bind':
      yield* patternNodes(body.patterns);
      yield body.source;
      yield body.body;
      return;
    case 'define':
      yield body.definition.body;
      yield body.rest;
      return;
    case 'call':
      yield* body.args;
      return;
    case 'label':
      yield body.body;
      return;
    default:
  }
}
