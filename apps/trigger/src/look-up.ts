/**
 * Webhooks that this process does not know yet: asked for in the bucket, one question at a time for each.
 *
 * A webhook stored through another instance is served here as soon as that answered, though the watch takes a
 * moment. Bounded, because anybody can ask for names that nobody has.
 */
import { isWebhookName } from './webhook.ts';

/** Questions that may be under way; while there are so many, what is not known counts as not there. */
export const LOOK_UPS_MAX = 32;

export type LookUp<T> = (organisation: string, name: string) => Promise<T | undefined>;

/** @param ask what it rejects with reaches everybody who waits for that webhook. */
export function createLookUp<T>(ask: LookUp<T>): LookUp<T> {
  const asking = new Map<string, Promise<T | undefined>>();
  return (organisation, name) => {
    if (!isWebhookName(organisation) || !isWebhookName(name)) return Promise.resolve(undefined);
    const key = `${organisation}/${name}`;
    const known = asking.get(key);
    if (known !== undefined) return known;
    if (asking.size >= LOOK_UPS_MAX) return Promise.resolve(undefined);
    const answer = ask(organisation, name).finally(() => asking.delete(key));
    asking.set(key, answer);
    return answer;
  };
}
