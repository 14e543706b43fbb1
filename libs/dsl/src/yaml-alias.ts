/** What the aliases of a YAML document stand for. */
import { isAlias, visit, type Alias, type Document, type Node } from 'yaml';

/** Each alias with the nearest node before it that has its anchor (YAML 1.2.2, 7.1). */
export type AliasTargets = ReadonlyMap<Alias, Node>;

/** Found in one walk: the library's own way walks the document again for every alias. */
export function aliasTargetsOf(parsed: Document): AliasTargets {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(parsed, {
    Node(_key, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
    },
  });
  return targets;
}
